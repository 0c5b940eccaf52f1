package datasets

import "math"

// lineScanner reads the lines of a ledger. Most lines are plain: one flat
// object with known keys, and no escape in any text. Those it scans itself, some
// fifteen times as fast as the strict decoder; every other line, and every line
// with a mistake in it, goes to the strict decoder, whose word and whose
// error counts. FuzzLedgerLine holds the two against each other.
//
// The values of a line are good until the next one is read.
type lineScanner struct {
	seq    int64
	covers bool
	texts  [9]string
	known  map[string]string // texts that come again and again, each kept once
}

// maxKeptTexts bounds the texts of which one copy is kept.
const maxKeptTexts = 1 << 20

// read decodes a line.
func (s *lineScanner) read(text []byte) (line, error) {
	if raw, ok := s.plain(text); ok {
		return raw, nil
	}
	var raw line
	err := decodeObject(text, &raw)
	return raw, err
}

// plain scans a plain line; ok is false where the line is not plain.
func (s *lineScanner) plain(text []byte) (raw line, ok bool) {
	p := plainText{rest: text}
	if !p.skip('{') {
		return line{}, false
	}
	for more := true; more; more = p.skip(',') {
		key, ok := p.quoted()
		if !ok || !p.skip(':') {
			return line{}, false
		}
		switch string(key) {
		case "seq":
			if raw.Seq != nil {
				return line{}, false
			}
			if s.seq, ok = p.integer(); !ok {
				return line{}, false
			}
			raw.Seq = &s.seq
			continue
		case "covers_earlier_events":
			if raw.CoversEarlierEvents != nil {
				return line{}, false
			}
			switch {
			case p.word("true"):
				s.covers = true
			case p.word("false"):
				s.covers = false
			default:
				return line{}, false
			}
			raw.CoversEarlierEvents = &s.covers
			continue
		}
		i, field := raw.field(string(key))
		if field == nil || *field != nil {
			return line{}, false
		}
		// A null says what a missing key says, but where it stands twice.
		if (string(key) == "project_id" || string(key) == "expires_at") && p.word("null") {
			if p.nulls&(1<<i) != 0 {
				return line{}, false
			}
			p.nulls |= 1 << i
			continue
		}
		value, ok := p.quoted()
		if !ok || p.nulls&(1<<i) != 0 {
			return line{}, false
		}
		s.texts[i] = s.keep(value)
		*field = &s.texts[i]
	}
	return raw, p.skip('}') && len(p.rest) == 0
}

// field returns the place of a text of the line, and its number.
func (raw *line) field(key string) (int, **string) {
	switch key {
	case "org_id":
		return 0, &raw.OrgID
	case "project_id":
		return 1, &raw.ProjectID
	case "purpose":
		return 2, &raw.Purpose
	case "action":
		return 3, &raw.Action
	case "policy_version":
		return 4, &raw.PolicyVersion
	case "effective_at":
		return 5, &raw.EffectiveAt
	case "recorded_at":
		return 6, &raw.RecordedAt
	case "expires_at":
		return 7, &raw.ExpiresAt
	case "prev":
		return 8, &raw.Prev
	}
	return 0, nil
}

// keep returns a text, the same copy for the same short text.
func (s *lineScanner) keep(text []byte) string {
	if len(text) >= 64 { // the hash of a line, which comes once
		return string(text)
	}
	if known, ok := s.known[string(text)]; ok {
		return known
	}
	if s.known == nil || len(s.known) >= maxKeptTexts {
		s.known = map[string]string{}
	}
	kept := string(text)
	s.known[kept] = kept
	return kept
}

// plainText is what is left of a line. Its methods take a token with the
// spaces before and after it, or leave all as it is.
type plainText struct {
	rest  []byte
	nulls int // bits of the texts that were null
}

func (p *plainText) spaces() {
	for len(p.rest) > 0 && p.rest[0] == ' ' {
		p.rest = p.rest[1:]
	}
}

func (p *plainText) skip(c byte) bool {
	p.spaces()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	p.spaces()
	return true
}

func (p *plainText) word(w string) bool {
	if len(p.rest) < len(w) || string(p.rest[:len(w)]) != w {
		return false
	}
	p.rest = p.rest[len(w):]
	return true
}

// quoted takes a text of printable ASCII without quote and backslash.
func (p *plainText) quoted() ([]byte, bool) {
	if len(p.rest) == 0 || p.rest[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			text := p.rest[1:i]
			p.rest = p.rest[i+1:]
			return text, true
		case c < ' ' || c > '~' || c == '\\':
			return nil, false
		}
	}
	return nil, false
}

// integer takes a positive number without sign, fraction or exponent.
func (p *plainText) integer() (n int64, ok bool) {
	i := 0
	for ; i < len(p.rest) && p.rest[i] >= '0' && p.rest[i] <= '9'; i++ {
		if n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + int64(p.rest[i]-'0')
	}
	if i == 0 || p.rest[0] == '0' {
		return 0, false
	}
	p.rest = p.rest[i:]
	return n, true
}

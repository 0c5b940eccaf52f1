package datasets

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"whorl/internal/strictjson"
)

// The formats this package reads.
const (
	ExportFormat = "whorl.export/1"
	GoldenFormat = "whorl.golden/1"
)

const (
	maxManifestBytes = 16 << 20
	maxFiles         = 100_000
	maxFileBytes     = 64 << 30
	maxRows          = 1 << 40
)

// Role says what a file of an export or golden dataset holds.
type Role string

// The roles.
const (
	RoleEvents Role = "events"
	RoleLabels Role = "labels"
	RolePairs  Role = "pairs"
)

// manifest is manifest.json of an export.
type manifest struct {
	Format        string          `json:"format"`
	CreatedAt     *string         `json:"created_at"`
	PolicyVersion string          `json:"policy_version"`
	Files         []manifestFile  `json:"files"`
	ConsentLedger *manifestLedger `json:"consent_ledger"`
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	Licence       string          `json:"licence"`
	LabelProtocol string          `json:"label_protocol"`
}

type manifestFile struct {
	Path   string `json:"path"`
	Role   Role   `json:"role"`
	Rows   *int64 `json:"rows"`
	Bytes  *int64 `json:"bytes"`
	SHA256 string `json:"sha256"`
}

type manifestLedger struct {
	ID      string `json:"id"`
	Path    string `json:"path"`
	Entries *int64 `json:"entries"`
	Head    string `json:"head"`
}

// description is dataset.json of a golden dataset.
type description struct {
	Format        string         `json:"format"`
	Name          string         `json:"name"`
	Version       string         `json:"version"`
	Description   string         `json:"description"`
	Licence       string         `json:"licence"`
	LabelProtocol string         `json:"label_protocol"`
	ConsentBasis  string         `json:"consent_basis"`
	Files         []manifestFile `json:"files"`
}

// parseManifest decodes and checks manifest.json. Errors do not name the
// file.
func parseManifest(data []byte) (*manifest, time.Time, error) {
	var m manifest
	if err := decodeObject(data, &m); err != nil {
		return nil, time.Time{}, err
	}
	if err := checkFormat(m.Format, ExportFormat); err != nil {
		return nil, time.Time{}, err
	}
	if m.CreatedAt == nil {
		return nil, time.Time{}, fmt.Errorf("created_at is missing")
	}
	created, err := time.Parse(time.RFC3339, *m.CreatedAt)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("created_at %q is no RFC 3339 time", *m.CreatedAt)
	}
	if strings.TrimSpace(m.PolicyVersion) == "" {
		return nil, time.Time{}, fmt.Errorf("policy_version is missing")
	}
	l := m.ConsentLedger
	switch {
	case l == nil:
		return nil, time.Time{}, fmt.Errorf("%w: consent_ledger is missing; an export without one cannot be used", ErrLedger)
	case l.ID == "":
		return nil, time.Time{}, fmt.Errorf("consent_ledger.id is missing")
	case l.Entries == nil || *l.Entries < 0:
		return nil, time.Time{}, fmt.Errorf("consent_ledger.entries is missing or negative")
	case !digestPattern.MatchString(l.Head):
		return nil, time.Time{}, fmt.Errorf("consent_ledger.head is no SHA-256 in lower-case hex")
	}
	if err := checkPath(l.Path); err != nil {
		return nil, time.Time{}, fmt.Errorf("consent_ledger.path: %w", err)
	}
	if err := checkFiles(m.Files, l.Path); err != nil {
		return nil, time.Time{}, err
	}
	return &m, created.UTC(), nil
}

// parseDescription decodes and checks dataset.json. Errors do not name the
// file.
func parseDescription(data []byte) (*description, error) {
	var d description
	if err := decodeObject(data, &d); err != nil {
		return nil, err
	}
	if err := checkFormat(d.Format, GoldenFormat); err != nil {
		return nil, err
	}
	for _, f := range []struct{ name, value string }{
		{"name", d.Name}, {"version", d.Version}, {"consent_basis", d.ConsentBasis},
	} {
		if strings.TrimSpace(f.value) == "" {
			return nil, fmt.Errorf("%s is missing", f.name)
		}
	}
	return &d, checkFiles(d.Files, "")
}

func decodeObject(data []byte, v any) error {
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return fmt.Errorf("not a JSON object")
	}
	return strictjson.Unmarshal(data, v)
}

func checkFormat(got, want string) error {
	if got == want {
		return nil
	}
	if family, _, _ := strings.Cut(want, "/"); strings.HasPrefix(got, family+"/") {
		return fmt.Errorf("format %q is not known to this version, which reads %q; use a newer one", got, want)
	}
	return fmt.Errorf("format is %q, not %q", got, want)
}

func checkFiles(files []manifestFile, ledger string) error {
	if len(files) > maxFiles {
		return fmt.Errorf("%d files; the limit is %d", len(files), maxFiles)
	}
	seen := map[string]bool{}
	if ledger != "" {
		seen[strings.ToLower(ledger)] = true
	}
	events := 0
	var total int64
	for i := range files {
		f := &files[i]
		if err := checkPath(f.Path); err != nil {
			return fmt.Errorf("files[%d].path: %w", i, err)
		}
		// Two names that differ in case are one file on some systems.
		if key := strings.ToLower(f.Path); seen[key] {
			return fmt.Errorf("files[%d]: %s is listed twice", i, f.Path)
		} else {
			seen[key] = true
		}
		switch f.Role {
		case RoleEvents:
			events++
		case RoleLabels, RolePairs:
		default:
			return fmt.Errorf("files[%d]: unknown role %q; use events, labels or pairs", i, f.Role)
		}
		switch {
		case f.Rows == nil || *f.Rows < 0 || *f.Rows > maxRows-total:
			return fmt.Errorf("files[%d]: rows of %s is missing or out of range", i, f.Path)
		case f.Bytes == nil || *f.Bytes < 0 || *f.Bytes > maxFileBytes:
			return fmt.Errorf("files[%d]: bytes of %s is missing or out of range", i, f.Path)
		case !digestPattern.MatchString(f.SHA256):
			return fmt.Errorf("files[%d]: sha256 of %s is no SHA-256 in lower-case hex", i, f.Path)
		}
		total += *f.Rows
	}
	if events == 0 {
		return fmt.Errorf("no file has the role events")
	}
	return nil
}

var (
	digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	pathPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_=.-]{0,127}(/[A-Za-z0-9][A-Za-z0-9_=.-]{0,127}){0,7}$`)
)

// checkPath allows relative paths of letters, digits and "_=.-", each part
// beginning with a letter or digit. filepath.IsLocal would let NUL bytes and
// device names pass.
func checkPath(path string) error {
	if !pathPattern.MatchString(path) || strings.Contains(path, "..") {
		return fmt.Errorf("%.200q is not allowed; use a relative path of letters, digits and _=.- inside the directory", path)
	}
	return nil
}

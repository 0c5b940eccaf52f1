package stacktrace

// dated tells whether a line begins with a day and an hour, as the records of
// logs do: "2026-03-01 10:00:00,123 INFO", "[2026-03-01T10:00:00Z] x". Such a
// line behind a trace is no more of an exception's message.
func dated(line string) bool {
	const form = "dddd-dd-ddTdd:dd"
	if line != "" && line[0] == '[' {
		line = line[1:]
	}
	if len(line) < len(form) {
		return false
	}
	for i := range len(form) {
		switch c := line[i]; form[i] {
		case 'd':
			if c < '0' || c > '9' {
				return false
			}
		case 'T':
			if c != 'T' && c != ' ' {
				return false
			}
		default:
			if c != form[i] {
				return false
			}
		}
	}
	return true
}

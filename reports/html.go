package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"regexp"
	"strings"
)

//go:embed report.html.tmpl
var htmlSource string

//go:embed report.css
var styleSource string

// htmlTemplate is parsed once. The style and its digest are constants of the
// program, so they are put in before html/template looks at the text; all that
// comes from a result goes through the template's contextual escaping.
var htmlTemplate = func() *template.Template {
	style := compact(styleSource)
	sum := sha256.Sum256([]byte(style))
	source := strings.NewReplacer(
		"STYLE_TEXT", style,
		"STYLE_DIGEST", base64.StdEncoding.EncodeToString(sum[:]),
	).Replace(htmlSource)
	return template.Must(template.New("report").Parse(source))
}()

var (
	styleComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	styleSpace   = regexp.MustCompile(`\n\s*`)
)

// compact takes comments and line breaks out of a style sheet. Comments have
// to go for the digest to hold: html/template drops them from the output.
func compact(css string) string {
	return styleSpace.ReplaceAllString(strings.TrimSpace(styleComment.ReplaceAllString(css, "")), "\n")
}

// htmlPage adds to a page what only its template needs.
type htmlPage struct {
	page
	MissingMark string
}

func writeHTML(p page) ([]byte, error) {
	var b bytes.Buffer
	if err := htmlTemplate.Execute(&b, htmlPage{p, missing}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

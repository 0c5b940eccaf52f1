package features

// Platform is the family of runtimes an event came from: the closed set that
// normalisers, calibrations and thresholds are kept for. Free platform text
// of an export never leaves [ParsePlatform].
type Platform uint8

// The platforms. Other stands for everything unknown, log lines included.
const (
	Other Platform = iota
	JavaScript
	Node
	Python
	Java
	Native
	Cocoa
	CSharp
	Go
	PHP
	Ruby
	Dart
	numPlatforms
)

var platformNames = [numPlatforms]string{
	Other: "other", JavaScript: "javascript", Node: "node", Python: "python", Java: "java",
	Native: "native", Cocoa: "cocoa", CSharp: "csharp", Go: "go", PHP: "php", Ruby: "ruby", Dart: "dart",
}

// platformAliases are names that other trackers use for a platform of ours.
var platformAliases = map[string]Platform{
	"c": Native, "rust": Native, "cpp": Native, "objc": Cocoa, "swift": Cocoa,
	"kotlin": Java, "scala": Java, "groovy": Java, "clojure": Java, "android": Java,
	"dotnet": CSharp, "typescript": JavaScript, "browser": JavaScript, "browserjs": JavaScript, "nodejs": Node,
	"flutter": Dart, "golang": Go,
}

// Platforms lists every platform in a fixed order.
func Platforms() []Platform {
	all := make([]Platform, numPlatforms)
	for i := range all {
		all[i] = Platform(i)
	}
	return all
}

// ParsePlatform returns the platform that a column's text names, Other for a
// name it does not know.
func ParsePlatform(s string) Platform {
	for i, name := range platformNames {
		if name == s {
			return Platform(i)
		}
	}
	return platformAliases[s] // the zero value is Other
}

// String returns the platform's name as it stands in exports and model files.
func (p Platform) String() string {
	if p < numPlatforms {
		return platformNames[p]
	}
	return "other"
}

// scripted reports whether the platform is JavaScript in a browser or a server.
func (p Platform) scripted() bool { return p == JavaScript || p == Node }

// Kind orders platforms by what their traces tell: 0 unknown, 1 scripts, 2
// managed code, 3 native code.
func (p Platform) Kind() uint8 {
	switch p {
	case JavaScript, Node, Python, PHP, Ruby:
		return 1
	case Java, CSharp, Go, Dart:
		return 2
	case Native, Cocoa:
		return 3
	}
	return 0
}

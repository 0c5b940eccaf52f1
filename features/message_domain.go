package features

import "strings"

// domainKind grades a top-level domain by how sure it makes a dotted name to be a
// host.
type domainKind uint8

const (
	notTopLevel domainKind = iota
	ambiguous              // also a word, a property or a file extension
	country                // a country's, and little else
	generic                // com and its like
)

// topLevels grades the hundred or so most common top-level domains.
var topLevels = func() map[string]domainKind {
	kinds := map[string]domainKind{}
	add := func(kind domainKind, names string) {
		for name := range strings.FieldsSeq(names) {
			kinds[name] = kind
			kinds[strings.ToUpper(name)] = kind
		}
	}
	add(generic, "com net org edu gov biz")
	add(country, "ar au bg br ch cn cz de dk eu fr gr hk hr hu jp kr mx nl nz pt ro ru sg sk tr tw ua uk vn za")
	add(ambiguous, "ae al app at be by ca cat cc cf cl club co ee es fi fm ga gq id ie il in info io ir is it jobs kz la lat link "+
		"lt lv ly me mobi ms my news ng no online pe ph pl pro rs sa se si site th tips tk to tv ug us wiki xxx xyz")
	return kinds
}()

// topLevel grades a domain that is all lower or all upper case.
func topLevel(name string) domainKind {
	if len(name) < 2 || len(name) > 6 {
		return notTopLevel
	}
	return topLevels[name]
}

// serviceDomains are the domains, of those that are no proof in themselves, under
// which services run: sold to them, or kept for use inside a network (RFC 6762,
// appendix G).
var serviceDomains = map[string]bool{
	"io": true, "app": true, "info": true, "dev": true, "cloud": true, "local": true, "internal": true, "corp": true, "lan": true,
}

// secondLevels are the labels that registries of countries sell below.
var secondLevels = map[string]bool{
	"ac": true, "co": true, "com": true, "edu": true, "go": true, "gov": true, "ne": true, "net": true, "or": true, "org": true,
}

// notHostRoots are first labels of dotted names that are no hosts: packages, and
// the objects that scripts start from.
var notHostRoots = map[string]bool{
	"com": true, "net": true, "org": true, "edu": true, "gov": true, "io": true, "java": true, "javax": true, "android": true, "androidx": true, "kotlin": true,
	"this": true, "self": true, "window": true, "document": true, "globalThis": true, "module": true, "process": true, "exports": true,
}

// namesHost reports whether a dotted name of that many labels is a host to the wide
// mode. Under a generic domain or an unmistakable country two labels will do. Any
// other domain needs three, and must be a service domain or follow a second level
// such as co or ac.
func namesHost(labels int, first, second, last string) bool {
	if labels < 2 || notHostRoots[first] {
		return false
	}
	switch topLevel(last) {
	case generic, country:
		return true
	default:
		if labels < 3 {
			return false
		}
		return serviceDomains[last] || topLevel(last) == ambiguous && secondLevels[second]
	}
}

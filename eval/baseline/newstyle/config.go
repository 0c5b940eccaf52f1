package newstyle

import (
	_ "embed"

	"whorl/features/rules"
)

// Config is the stack trace rules that an event is grouped under; package rules
// has their language. It does not change after it was made: any number of
// goroutines may use one. The zero value has no rules.
type Config struct{ set rules.Set }

//go:embed rules.txt
var defaultRules string

var defaultConfig = func() *Config {
	c, err := new(Config).With(defaultRules)
	if err != nil {
		panic("newstyle: built-in rules: " + err.Error())
	}
	return c
}()

// DefaultConfig returns the built-in rules.
func DefaultConfig() *Config { return defaultConfig }

// With returns a Config that has further rules behind those of c, as a project's
// own rules come behind the built-in ones. Errors wrap [rules.ErrSyntax] and
// name the line.
func (c *Config) With(text string) (*Config, error) {
	set, err := c.set.With(text)
	if err != nil {
		return nil, err
	}
	return &Config{*set}, nil
}

// settle runs the rules that say what is in-app.
func (c *Config) settle(t *trace) { c.set.Settle(&t.ruled) }

package stacktrace

import "testing"

func FuzzPython(f *testing.F)     { fuzz(f, Python) }
func FuzzJava(f *testing.F)       { fuzz(f, Java) }
func FuzzCSharp(f *testing.F)     { fuzz(f, CSharp) }
func FuzzGo(f *testing.F)         { fuzz(f, Go) }
func FuzzJavaScript(f *testing.F) { fuzz(f, JavaScript) }
func FuzzRuby(f *testing.F)       { fuzz(f, Ruby) }
func FuzzPHP(f *testing.F)        { fuzz(f, PHP) }
func FuzzRust(f *testing.F)       { fuzz(f, Rust) }
func FuzzDart(f *testing.F)       { fuzz(f, Dart) }
func FuzzNative(f *testing.F)     { fuzz(f, Native) }
func FuzzAuto(f *testing.F)       { fuzz(f, Auto) }

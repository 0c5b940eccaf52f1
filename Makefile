GO ?= go
FUZZTIME ?= 30s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help build test demo bench lint fuzz update

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/whorl
	$(GO) build -trimpath -o bin/whorl ./cmd/whorl

test: ## Run all tests
	$(GO) test ./...

demo: build ## Train on the sample export, judge on its golden set, print the figures
	@mkdir -p runs && rm -rf runs/demo runs/.demo.*
	bin/whorl train --export datasets/sample/export --golden datasets/sample/golden --out runs/demo --seed 1 --as-of 2026-11-21T00:00:00Z

bench: ## Run all benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## Check formatting, vet, staticcheck and the module's requirements
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "run gofmt -w on:"; echo "$$files"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff

fuzz: ## Run every fuzz target for FUZZTIME (30s), one at a time
	@pkgs=$$($(GO) list ./...) || exit 1; \
	for pkg in $$pkgs; do \
		targets=$$($(GO) test -list '^Fuzz' $$pkg) || { echo "$$targets"; exit 1; }; \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

# Only packages that define the flag know -update; any other test binary would refuse it.
update: ## Regenerate the golden files (then read the difference)
	@for dir in $$(grep -rl --include='*_test.go' 'flag\.Bool.*"update"' . | sed 's|/[^/]*$$||' | sort -u); do \
		$(GO) test $$dir -update || exit 1; \
	done

#!/usr/bin/env bash
# The independent verifier of evidence logs, test/audit/go: builds it on first use, again when its source has changed, and
# prints its path. Any Go from 1.18 on will do; without one, Debian's is installed.
set -euo pipefail
name=evidence
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lifecycle.sh"
source=$here/../audit/go
version=evidence-$(cat "$source"/*.go "$source"/go.mod "$source"/go.sum | sha256sum | cut -c 1-16)
program=$cache/$version
export PATH=$PATH:/usr/local/go/bin GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0

build() {
  command -v go >/dev/null || apt_install golang-go
  (cd "$source" && go build -trimpath -o "$program" .) >"$cache/$version.log" 2>&1
}

run_once "$version" build
echo "$program"

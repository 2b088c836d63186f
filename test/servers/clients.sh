#!/usr/bin/env bash
# Python's S3 clients for tests: boto3 and the AWS CLI, in a virtual environment of their own.
# clients.sh installs them on first use and prints the folder of `python3` and `aws`. Needs Python >= 3.10.
set -euo pipefail
name=clients
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lifecycle.sh"
version=clients-2026-11
venv=$cache/clients

install() {
  { python3 -m venv --clear "$venv" || { apt_install python3-venv && python3 -m venv --clear "$venv"; }
    "$venv/bin/pip" install --disable-pip-version-check -r "$here/clients-requirements.txt"
  } >"$cache/$version.log" 2>&1
}

run_once "$version" install
echo "$venv/bin"

// Evidence verifies a log of Domicile's evidence with nothing of Domicile's code: the trees and notes are those of Go's
// checksum database (golang.org/x/mod/sumdb). One line for each thing that holds; exit 1 with the reason at the first that
// does not.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const usage = `usage: evidence log FOLDER VERIFIER-KEY          a log's folder: checkpoint, entries, tiles, root
       evidence inclusion FILE VERIFIER-KEY      {"entry": "...", "proof": "c2sp.org/tlog-proof@v1..."}, and more such
       evidence consistency FILE VERIFIER-KEY    {"from": "checkpoint", "to": "checkpoint", "proof": ["base64"...]}
`

func main() {
	commands := map[string]func(path string, verifier note.Verifier) error{
		"log":         verifyLog,
		"inclusion":   verifyInclusion,
		"consistency": verifyConsistency,
	}
	if len(os.Args) != 4 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	verifier, err := note.NewVerifier(os.Args[3])
	if err == nil {
		err = commands[os.Args[1]](os.Args[2], verifier)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "evidence: %v\n", err)
		os.Exit(1)
	}
}

// openCheckpoint returns the tree that a checkpoint is of, once its signature is known to be the verifier's. The origin is
// the name of the key.
func openCheckpoint(message []byte, verifier note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	opened, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tree, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return tree, fmt.Errorf("checkpoint: %d lines are too few", len(lines)-1)
	}
	if lines[0] != verifier.Name() {
		return tree, fmt.Errorf("checkpoint: of %q, signed by %q", lines[0], verifier.Name())
	}
	if tree.N, err = parseNumber(lines[1]); err != nil {
		return tree, fmt.Errorf("checkpoint: size: %w", err)
	}
	if tree.Hash, err = parseHash(lines[2]); err != nil {
		return tree, fmt.Errorf("checkpoint: root: %w", err)
	}
	return tree, nil
}

func parseNumber(text string) (int64, error) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, fmt.Errorf("%q is no number from 0", text)
	}
	return number, nil
}

func parseHash(text string) (hash tlog.Hash, err error) {
	bytes, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(bytes) != tlog.HashSize {
		return hash, fmt.Errorf("%q is no hash in base64", text)
	}
	copy(hash[:], bytes)
	return hash, nil
}

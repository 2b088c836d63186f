package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type entryProof struct{ Entry, Proof string }

// verifyInclusion checks entries with their proofs, one after the other.
func verifyInclusion(path string, verifier note.Verifier) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	for count := 0; ; count++ {
		var proof entryProof
		if err := decoder.Decode(&proof); err == io.EOF && count > 0 {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := proof.verify(verifier); err != nil {
			return err
		}
	}
}

// verify reads the proof (C2SP tlog-proof) and applies it to the entry.
func (file entryProof) verify(verifier note.Verifier) error {
	head, checkpoint, found := strings.Cut(file.Proof, "\n\n")
	if !found {
		return fmt.Errorf("proof: no blank line before its checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("proof: begins with %q", lines[0])
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:] // says nothing that is proved
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return fmt.Errorf("proof: no index")
	}
	index, err := parseNumber(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return fmt.Errorf("proof: index: %w", err)
	}
	hashes, err := parseHashes(lines[1:])
	if err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	tree, err := openCheckpoint([]byte(checkpoint), verifier)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash([]byte(file.Entry))); err != nil {
		return fmt.Errorf("inclusion of entry %d: %w", index, err)
	}
	fmt.Printf("inclusion: %s has the entry at %d, by %d hashes to its checkpoint of %d\n", verifier.Name(), index, len(hashes), tree.N)
	return nil
}

// verifyConsistency checks that a log of a later checkpoint begins with that of an earlier one.
func verifyConsistency(path string, verifier note.Verifier) error {
	var file struct {
		From, To string
		Proof    []string
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	from, err := openCheckpoint([]byte(file.From), verifier)
	if err != nil {
		return fmt.Errorf("from: %w", err)
	}
	to, err := openCheckpoint([]byte(file.To), verifier)
	if err != nil {
		return fmt.Errorf("to: %w", err)
	}
	hashes, err := parseHashes(file.Proof)
	if err != nil {
		return fmt.Errorf("proof: %w", err)
	}
	if err := tlog.CheckTree(hashes, to.N, to.Hash, from.N, from.Hash); err != nil {
		return fmt.Errorf("consistency from %d to %d: %w", from.N, to.N, err)
	}
	fmt.Printf("consistency: %s of %d begins with that of %d, by %d hashes\n", verifier.Name(), to.N, from.N, len(hashes))
	return nil
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := parseHash(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Of C2SP's tlog-tiles: hashes in a tile are 2^8, and so are entries in a bundle.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// Entries of a larger log are not each proved, but so many of them.
const provedEntries = 1000

func verifyLog(folder string, verifier note.Verifier) error {
	message, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(message, verifier)
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint: %s has %d entries, signed by key %08x\n", verifier.Name(), tree.N, verifier.KeyHash())

	hashes, bundles, err := readEntries(folder, tree.N)
	if err != nil {
		return err
	}
	fmt.Printf("entries: %d in %d bundles\n", tree.N, bundles)

	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("root: the entries have %v, the checkpoint says %v", root, tree.Hash)
	}
	fmt.Printf("root: %v is that of the entries\n", root)

	tiles, err := compareTiles(folder, tree.N, hashes)
	if err != nil {
		return err
	}
	fmt.Printf("tiles: %d are as tlog computes them\n", tiles)
	return proveByTiles(folder, tree)
}

// storedHashes holds every complete subtree's hash in tlog's order.
type storedHashes []tlog.Hash

func (stored *storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(*stored)) {
			return nil, fmt.Errorf("hash %d of %d", index, len(*stored))
		}
		hashes[i] = (*stored)[index]
	}
	return hashes, nil
}

// readEntries computes all hashes from the entry bundles alone.
func readEntries(folder string, size int64) (*storedHashes, int, error) {
	stored := &storedHashes{}
	bundles := 0
	for number := int64(0); number < size; bundles++ {
		width := min(size-number, tileWidth)
		path := "tile/entries/" + indexPath(number/tileWidth, width)
		data, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return nil, 0, err
		}
		for end := number + width; number < end; number++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, 0, fmt.Errorf("%s: entry %d is cut short", path, number)
			}
			entry := data[2 : 2+int(binary.BigEndian.Uint16(data))]
			data = data[2+len(entry):]
			more, err := tlog.StoredHashes(number, entry, stored)
			if err != nil {
				return nil, 0, err
			}
			*stored = append(*stored, more...)
		}
		if len(data) > 0 {
			return nil, 0, fmt.Errorf("%s: %d bytes after its last entry", path, len(data))
		}
	}
	return stored, bundles, nil
}

func compareTiles(folder string, size int64, hashes tlog.HashReader) (int, error) {
	tiles := tlog.NewTiles(tileHeight, 0, size)
	for _, tile := range tiles {
		expected, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return 0, err
		}
		got, err := os.ReadFile(filepath.Join(folder, tilePath(tile)))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(got, expected) {
			return 0, fmt.Errorf("%s: is not what its entries hash to", tilePath(tile))
		}
	}
	return len(tiles), nil
}

// proveByTiles is what a client does that has the tiles and the checkpoint only.
func proveByTiles(folder string, tree tlog.Tree) error {
	hashes := tlog.TileHashReader(tree, folderOfTiles(folder))
	inclusions, consistencies := 0, 0
	for number := int64(0); number < tree.N; number += 1 + tree.N/provedEntries {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, number)})
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, number, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, number, leaf[0]); err != nil {
			return fmt.Errorf("inclusion of entry %d: %w", number, err)
		}
		inclusions++
	}
	for size := int64(1); size <= tree.N; size += 1 + size/2 {
		root, err := tlog.TreeHash(size, hashes)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, size, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, size, root); err != nil {
			return fmt.Errorf("consistency with size %d: %w", size, err)
		}
		consistencies++
	}
	fmt.Printf("proofs: %d of inclusion, %d of consistency, from the tiles\n", inclusions, consistencies)
	return nil
}

// folderOfTiles is tlog's view of the tiles as they lie in a log's folder.
type folderOfTiles string

func (folder folderOfTiles) Height() int { return tileHeight }

func (folder folderOfTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(folder), tilePath(tile)))
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

func (folder folderOfTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// tilePath is where tlog-tiles has what tlog calls tile/8/LEVEL/...: the height is fixed, and so not in the path.
func tilePath(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
}

// indexPath is the end of a tile's path.
func indexPath(index, width int64) string {
	path := tlog.Tile{H: tileHeight, L: 0, N: index, W: int(width)}.Path()
	return strings.TrimPrefix(path, "tile/8/0/")
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

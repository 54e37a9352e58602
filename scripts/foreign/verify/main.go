// Verifies a log with the Go toolchain's own golang.org/x/mod/sumdb: note for the checkpoint, tlog for tree, tiles and
// proofs. Nothing of the gateway is in it.
//
//	verify LOG VKEY [OLDER_CHECKPOINT]
//
// Ends with status 1 and one line if anything does not hold.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "verify LOG VKEY [OLDER_CHECKPOINT]")
		os.Exit(2)
	}
	said, err := verify(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
}

func verify(log, vkey string, older []string) (string, error) {
	tree, err := checkpoint(filepath.Join(log, "checkpoint"), vkey)
	if err != nil {
		return "", err
	}
	leaves, stored, err := rows(log, tree.N)
	if err != nil {
		return "", err
	}
	known := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, errors.New("a hash outside the tree is asked for")
			}
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	root, err := tlog.TreeHash(tree.N, known)
	if err != nil {
		return "", err
	}
	if root != tree.Hash {
		return "", errors.New("the rows do not give the signed root")
	}
	count, err := tiles(log, tree.N, known)
	if err != nil {
		return "", err
	}
	// From here on everything is read from the tiles, as a client does that does not read all rows.
	client := tlog.TileHashReader(tree, reader(log))
	proofs, err := inclusion(tree, leaves, client)
	if err != nil {
		return "", err
	}
	steps, err := consistency(tree, vkey, older, known, client)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d rows, %d tiles, %d inclusion and %d consistency proofs", tree.N, count, proofs, steps), nil
}

// checkpoint opens a signed checkpoint. tlog.ParseTree wants the first line of a go.sum database, so it is read here.
func checkpoint(path, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	signed, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree, errors.New("the checkpoint is of another log")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, errors.New("the checkpoint has no size")
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// rows reads all bundles; it returns the hashes of the rows, and those of the whole subtrees over them.
func rows(log string, size int64) (leaves, stored []tlog.Hash, err error) {
	own := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for n := int64(0); n<<height < size; n++ {
		tile := tlog.Tile{H: height, L: -1, N: n, W: int(min(size-n<<height, 1<<height))}
		bundle, err := read(log, tile)
		if err != nil {
			return nil, nil, err
		}
		for i := 0; i < tile.W; i++ {
			index := n<<height + int64(i)
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return nil, nil, fmt.Errorf("row %d is cut off", index)
			}
			length := 2 + int(binary.BigEndian.Uint16(bundle))
			leaf := tlog.RecordHash(bundle[2:length])
			bundle = bundle[length:]
			hashes, err := tlog.StoredHashesForRecordHash(index, leaf, own)
			if err != nil {
				return nil, nil, err
			}
			leaves, stored = append(leaves, leaf), append(stored, hashes...)
		}
	}
	return leaves, stored, nil
}

// tiles compares every tile with what the rows give.
func tiles(log string, size int64, known tlog.HashReader) (int, error) {
	all := tlog.NewTiles(height, 0, size)
	for _, tile := range all {
		want, err := tlog.ReadTileData(tile, known)
		if err != nil {
			return 0, err
		}
		got, err := read(log, tile)
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(got, want) {
			return 0, fmt.Errorf("%s is not made from the rows", name(tile))
		}
	}
	return len(all), nil
}

func inclusion(tree tlog.Tree, leaves []tlog.Hash, client tlog.HashReader) (int, error) {
	count := 0
	for index := int64(0); index < tree.N; index += tree.N/200 + 1 {
		for _, index := range []int64{index, tree.N - 1 - index} {
			proof, err := tlog.ProveRecord(tree.N, index, client)
			if err != nil {
				return 0, fmt.Errorf("row %d: %w", index, err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaves[index]); err != nil {
				return 0, fmt.Errorf("row %d: %w", index, err)
			}
			count++
		}
	}
	return count, nil
}

func consistency(tree tlog.Tree, vkey string, older []string, known, client tlog.HashReader) (int, error) {
	var earlier []tlog.Tree
	for _, path := range older {
		old, err := checkpoint(path, vkey)
		if err != nil {
			return 0, err
		}
		earlier = append(earlier, old)
	}
	for size := int64(1); size < tree.N; size += tree.N/50 + 1 {
		root, err := tlog.TreeHash(size, known)
		if err != nil {
			return 0, err
		}
		earlier = append(earlier, tlog.Tree{N: size, Hash: root})
	}
	for _, old := range earlier {
		if old.N > tree.N {
			return 0, fmt.Errorf("the log has %d rows, the older checkpoint %d", tree.N, old.N)
		}
		proof, err := tlog.ProveTree(tree.N, old.N, client)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return 0, fmt.Errorf("from %d rows: %w", old.N, err)
		}
	}
	return len(earlier), nil
}

// reader hands the tiles of a folder to tlog.TileHashReader, which believes none of them.
type reader string

func (log reader) Height() int { return height }

func (log reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		read, err := read(string(log), tile)
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (log reader) SaveTiles([]tlog.Tile, [][]byte) {}

// name is where tlog-tiles has a tile: Go's path says the height too, and calls bundles data.
func name(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	return filepath.Join("tile", strings.Replace(path, "data/", "entries/", 1))
}

// read reads a tile. Once it is full, a partial one may stand under its full name alone.
func read(log string, tile tlog.Tile) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(log, name(tile)))
	if errors.Is(err, os.ErrNotExist) && tile.W < 1<<height {
		full := tile
		full.W = 1 << height
		data, err = os.ReadFile(filepath.Join(log, name(full)))
		if err == nil && tile.L >= 0 && len(data) >= tile.W*tlog.HashSize {
			data = data[:tile.W*tlog.HashSize]
		}
	}
	return data, err
}

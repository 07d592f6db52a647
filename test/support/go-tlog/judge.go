package main

import (
	"bytes"
	"fmt"

	"filippo.io/torchwood"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// judgement is what of a trail was refused, how much was looked at, and which of the notes its log signed.
type judgement struct {
	Signed  []bool         `json:"signed"`
	Refused []string       `json:"refused"`
	Seen    map[string]int `json:"seen"`
}

func (j *judgement) see(kind string, err error, what string, args ...any) {
	j.Seen[kind]++
	if err != nil {
		j.Refused = append(j.Refused, fmt.Sprintf("%s: %s: %v", kind, fmt.Sprintf(what, args...), err))
	}
}

func judge(t trail) judgement {
	j := judgement{Signed: []bool{}, Refused: []string{}, Seen: map[string]int{}}
	checkpoint, err := open(t, t.Checkpoint)
	j.see("checkpoint", err, "%.40q", t.Checkpoint)
	if err != nil {
		return j
	}

	hashes, err := storedOf(t.Entries)
	if err == nil {
		var root tlog.Hash
		root, err = tlog.TreeHash(int64(len(t.Entries)), hashes)
		if err == nil && (root != checkpoint.Hash || checkpoint.N != int64(len(t.Entries))) {
			err = fmt.Errorf("the root of the entries is another")
		}
	}
	j.see("root", err, "of %d", len(t.Entries))

	judgeTiles(&j, t, checkpoint, hashes)
	for _, p := range t.Inclusions {
		err := tlog.CheckRecord(toHashes(p.Proof), p.Size, toHash(p.Root), p.Index, toHash(p.Leaf))
		j.see("inclusion", err, "of %d in %d", p.Index, p.Size)
	}
	for _, p := range t.Consistencies {
		err := tlog.CheckTree(toHashes(p.Proof), p.To, toHash(p.ToRoot), p.From, toHash(p.FromRoot))
		j.see("consistency", err, "from %d to %d", p.From, p.To)
	}
	for _, file := range t.ProofFiles {
		j.see("proof file", judgeProofFile(t, file), "%.40q", file)
	}
	log, err := note.NewVerifier(t.LogKey)
	for _, text := range t.Notes {
		if err == nil {
			_, err := note.Open([]byte(text), note.VerifierList(log))
			j.Signed = append(j.Signed, err == nil)
		}
	}
	return j
}

// open verifies that the log signed the checkpoint and, if there is one, that the witness cosigned it.
func open(t trail, text string) (torchwood.Checkpoint, error) {
	var none torchwood.Checkpoint
	log, err := note.NewVerifier(t.LogKey)
	if err != nil {
		return none, err
	}
	known, wanted := []note.Verifier{log}, 1
	if t.WitnessKey != "" {
		witness, err := f_note.NewVerifierForCosignatureV1(t.WitnessKey)
		if err != nil {
			return none, err
		}
		known, wanted = append(known, witness), 2
	}
	n, err := note.Open([]byte(text), note.VerifierList(known...))
	if err != nil {
		return none, err
	}
	if len(n.Sigs) != wanted {
		return none, fmt.Errorf("%d signatures verified, not %d", len(n.Sigs), wanted)
	}
	return torchwood.ParseCheckpoint(n.Text)
}

// judgeTiles compares the tiles and bundles with Go's own, and makes proofs of the tiles alone.
func judgeTiles(j *judgement, t trail, checkpoint torchwood.Checkpoint, hashes stored) {
	tiles := tlog.NewTiles(torchwood.TileHeight, 0, checkpoint.N)
	for _, tile := range tiles {
		path := torchwood.TilePath(tile)
		data, err := tlog.ReadTileData(tile, hashes)
		if err == nil && !bytes.Equal(data, t.Tiles[path]) {
			err = fmt.Errorf("it is another")
		}
		j.see("tile", err, "%s", path)
		if tile.L == 0 {
			tile.L = -1
			path := torchwood.TilePath(tile)
			j.see("bundle", judgeBundle(t.Bundles[path], t.Entries[tile.N*256:tile.N*256+int64(tile.W)]), "%s", path)
		}
	}
	if len(t.Tiles) != len(tiles) {
		j.see("tile", fmt.Errorf("there are %d, not %d", len(t.Tiles), len(tiles)), "of the tree")
	}
	reader := tlog.TileHashReader(checkpoint.Tree, tileReader(t.Tiles))
	for n := int64(0); n < checkpoint.N; n += 97 {
		p, err := tlog.ProveRecord(checkpoint.N, n, reader)
		if err == nil {
			err = tlog.CheckRecord(p, checkpoint.N, checkpoint.Hash, n, tlog.RecordHash(t.Entries[n]))
		}
		j.see("proof from tiles", err, "of %d", n)
	}
}

func judgeBundle(bundle []byte, entries [][]byte) error {
	for i, want := range entries {
		entry, rest, err := torchwood.ReadTileEntry(bundle)
		if err != nil {
			return err
		}
		if !bytes.Equal(entry, want) {
			return fmt.Errorf("entry %d is another", i)
		}
		bundle = rest
	}
	if len(bundle) != 0 {
		return fmt.Errorf("%d bytes are left", len(bundle))
	}
	return nil
}

func judgeProofFile(t trail, file string) error {
	var p proof.TLogProof
	if err := p.Unmarshal([]byte(file)); err != nil {
		return err
	}
	checkpoint, err := open(t, string(p.Checkpoint))
	if err != nil {
		return err
	}
	hashes := make([]tlog.Hash, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h
	}
	// The entry itself is the extra data, so that the file is all that is needed.
	return tlog.CheckRecord(hashes, checkpoint.N, checkpoint.Hash, int64(p.Index), tlog.RecordHash(p.ExtraData))
}

// tileReader gives tlog the tiles by their paths.
type tileReader map[string][]byte

func (r tileReader) Height() int { return torchwood.TileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := torchwood.TilePath(tile)
		found, ok := r[path]
		if !ok {
			return nil, fmt.Errorf("no tile %s", path)
		}
		data[i] = found
	}
	return data, nil
}

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// wanted says which trail to make.
type wanted struct {
	Origin  string `json:"origin"`
	Witness string `json:"witness"`
	Size    int64  `json:"size"`
}

func makeTrail(w wanted) (trail, error) {
	var t trail
	for n := int64(0); n < w.Size; n++ {
		t.Entries = append(t.Entries, fmt.Appendf(nil, "entry %d of Go", n))
	}
	hashes, err := storedOf(t.Entries)
	if err != nil {
		return t, err
	}
	if err := signTrail(&t, w, hashes); err != nil {
		return t, err
	}
	if err := tileTrail(&t, w, hashes); err != nil {
		return t, err
	}
	return t, proveTrail(&t, w, hashes)
}

func signTrail(t *trail, w wanted, hashes stored) error {
	root, err := tlog.TreeHash(w.Size, hashes)
	if err != nil {
		return err
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, w.Origin)
	if err != nil {
		return err
	}
	log, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	witness, err := torchwood.NewCosignatureSigner(w.Witness, key)
	if err != nil {
		return err
	}
	checkpoint := torchwood.Checkpoint{Origin: w.Origin, Tree: tlog.Tree{N: w.Size, Hash: root}}
	signed, err := note.Sign(&note.Note{Text: checkpoint.String()}, log, witness)
	t.LogKey, t.WitnessKey, t.Checkpoint = vkey, witness.Verifier().String(), string(signed)
	return err
}

func tileTrail(t *trail, w wanted, hashes stored) error {
	t.Tiles, t.Bundles = map[string][]byte{}, map[string][]byte{}
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, w.Size) {
		data, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return err
		}
		t.Tiles[torchwood.TilePath(tile)] = data
		if tile.L != 0 {
			continue
		}
		var bundle []byte
		for _, entry := range t.Entries[tile.N*256 : tile.N*256+int64(tile.W)] {
			if bundle, err = torchwood.AppendTileEntry(bundle, entry); err != nil {
				return err
			}
		}
		tile.L = -1
		t.Bundles[torchwood.TilePath(tile)] = bundle
	}
	return nil
}

func proveTrail(t *trail, w wanted, hashes stored) error {
	for size := int64(1); size <= w.Size; size += 37 {
		root, err := tlog.TreeHash(size, hashes)
		if err != nil {
			return err
		}
		for n := int64(0); n < size; n += 41 {
			p, err := tlog.ProveRecord(size, n, hashes)
			if err != nil {
				return err
			}
			leaf := tlog.RecordHash(t.Entries[n])
			t.Inclusions = append(t.Inclusions, inclusion{n, leaf[:], size, root[:], fromHashes(p)})

			old, err := tlog.TreeHash(n+1, hashes)
			if err != nil {
				return err
			}
			tree, err := tlog.ProveTree(size, n+1, hashes)
			if err != nil {
				return err
			}
			t.Consistencies = append(t.Consistencies, consistency{n + 1, old[:], size, root[:], fromHashes(tree)})
		}
	}
	for n := int64(0); n < w.Size; n += 101 {
		p, err := tlog.ProveRecord(w.Size, n, hashes)
		if err != nil {
			return err
		}
		file := proof.TLogProof{Index: uint64(n), Checkpoint: []byte(t.Checkpoint), ExtraData: t.Entries[n]}
		for _, h := range p {
			file.Hashes = append(file.Hashes, h)
		}
		t.ProofFiles = append(t.ProofFiles, string(file.Marshal()))
	}
	return nil
}

package features

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// sipVectors are the outputs of SipHash-2-4 for key 00 01 .. 0f and the messages
// "", 00, 00 01, .., 00 01 .. 3e: the test vectors of the reference
// implementation that accompanies Aumasson and Bernstein, "SipHash: a fast
// short-input PRF" (INDOCRYPT 2012). Entry 15 is the example worked out in
// appendix A of the paper.
var sipVectors = [64]uint64{
	0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
	0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
	0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
	0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
	0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
	0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
	0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
	0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
	0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
	0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
	0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
	0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
}

func TestSipHashVectors(t *testing.T) {
	if sipVectors[15] != 0xa129ca6149be45e5 {
		t.Fatal("the table does not hold the value of the paper's appendix A")
	}
	var message []byte
	for i := range 16 {
		message = append(message, byte(i))
	}
	key := [2]uint64{binary.LittleEndian.Uint64(message), binary.LittleEndian.Uint64(message[8:])}
	message = message[:0]
	for n, want := range sipVectors {
		if got := siphash(key, message); got != want {
			t.Errorf("%d bytes: %016x, want %016x", n, got, want)
		}
		message = append(message, byte(n))
	}
}

// TestSipHashReadsEverything flips each bit of a message and of the key: each
// must change the hash.
func TestSipHashReadsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "message")
		key := [2]uint64{rapid.Uint64().Draw(t, "k0"), rapid.Uint64().Draw(t, "k1")}
		want := siphash(key, message)
		for bit := range 8 * len(message) {
			message[bit/8] ^= 1 << (bit % 8)
			if siphash(key, message) == want {
				t.Fatalf("bit %d of the message does not count", bit)
			}
			message[bit/8] ^= 1 << (bit % 8)
		}
		for bit := range 128 {
			other := key
			other[bit/64] ^= 1 << (bit % 64)
			if siphash(other, message) == want {
				t.Fatalf("bit %d of the key does not count", bit)
			}
		}
		if siphash(key, append(message, 0)) == want {
			t.Fatal("a final zero byte does not count")
		}
	})
}

// TestDomains checks that one text gives another token in every domain and that
// the two halves of a pair do not run together.
func TestDomains(t *testing.T) {
	domains := []byte{
		domainWhole, domainFunction, domainModule, domainContext, domainSite, domainSubtoken, domainWord,
		domainType, domainTemplate, domainSlot, domainSubject, domainRelease, domainRuntime, domainContent,
	}
	if len(domains) != int(domainContent) {
		t.Errorf("%d domains are listed here, %d exist", len(domains), domainContent)
	}
	var x Extractor
	for _, s := range []string{"", "a", "checkout", "\x01checkout"} {
		seen := map[uint64]byte{}
		for _, d := range domains {
			h := x.hash(d, s)
			if other, ok := seen[h]; ok {
				t.Errorf("%q: domains %d and %d give one token", s, d, other)
			}
			seen[h] = d
			if got := x.hashBytes(d, []byte(s)); got != h {
				t.Errorf("%q in domain %d: %x from bytes, %x from a string", s, d, got, h)
			}
		}
	}
	if x.hashPair(domainWhole, "ab", "c") == x.hashPair(domainWhole, "a", "bc") {
		t.Error("ab+c and a+bc give one token")
	}
	if x.optional(domainRelease, "") != 0 || x.optional(domainRelease, "1") == 0 {
		t.Error("an absent release has token 0, and only it")
	}
}

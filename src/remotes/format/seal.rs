//! What a repository encrypts: small files and pieces of packs, opened with limits.
//!
//! Whoever has the password may have written anything: a few bytes that unpack to terabytes, or a
//! key that takes as much memory to open. The library has no limits, so what it reads is looked at
//! here first, and pieces are unpacked here.

use std::io::{self, Read as _};

use aes256ctr_poly1305aes::aead::generic_array::GenericArray;
use aes256ctr_poly1305aes::aead::{Aead as _, AeadInPlace as _};
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key};
use rustic_core::repofile::MasterKey;
use serde::Deserialize;

/// The bytes before the ciphertext.
pub(super) const NONCE_BYTES: usize = 16;
/// The bytes that encryption adds.
pub(super) const OVERHEAD: usize = NONCE_BYTES + 16;
/// Mark of a compressed file.
const COMPRESSED: u8 = 2;
/// The most memory that opening a key may take: eight times what restic and dvol ask for.
const MAX_KEY_MEMORY: u64 = 512 << 20;
/// How much of the processor's time opening a key may take, in the same unit.
const MAX_KEY_WORK: u64 = 4 << 30;

fn cipher(key: &MasterKey) -> Aes256CtrPoly1305Aes {
    let mut bytes = Key::default();
    bytes[..32].copy_from_slice(&key.encrypt);
    bytes[32..48].copy_from_slice(&key.mac.k);
    bytes[48..].copy_from_slice(&key.mac.r);
    Aes256CtrPoly1305Aes::new(&bytes)
}

/// Encrypts a text.
pub(in crate::remotes) fn seal(key: &MasterKey, text: &[u8], random: [u8; NONCE_BYTES]) -> Vec<u8> {
    let mut out = random.to_vec();
    out.extend_from_slice(text);
    let nonce = GenericArray::from(random);
    let tag = cipher(key).encrypt_in_place_detached(&nonce, &[], &mut out[NONCE_BYTES..]);
    out.extend_from_slice(&tag.expect("a lock is shorter than any limit of the cipher"));
    out
}

/// Decrypts; `None` if the bytes are not of this key.
pub(super) fn decrypt(key: &MasterKey, bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = bytes.split_at_checked(NONCE_BYTES)?;
    cipher(key).decrypt(GenericArray::from_slice(nonce), rest).ok()
}

/// Decrypts and unpacks a file; `None` if it is not of this key, damaged, or larger than `most`.
pub(super) fn unseal(key: &MasterKey, bytes: &[u8], most: u64) -> Option<Vec<u8>> {
    let text = decrypt(key, bytes)?;
    match text.first() {
        Some(&COMPRESSED) => unpack(&text[1..], most).ok(),
        _ => (text.len() as u64 <= most).then_some(text),
    }
}

/// Unpacks what zstd packed, to at most `most` bytes.
pub(super) fn unpack(packed: &[u8], most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    zstd::Decoder::with_buffer(packed)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Returns whether a file is not larger than `most` when it is unpacked. One that cannot be
/// decrypted is not large: the library says what is wrong with it.
pub(super) fn is_small(key: &MasterKey, bytes: &[u8], most: u64) -> bool {
    let Some(text) = decrypt(key, bytes) else { return true };
    if text.first() != Some(&COMPRESSED) {
        return text.len() as u64 <= most;
    }
    let Ok(decoder) = zstd::Decoder::with_buffer(&text[1..]) else { return true };
    io::copy(&mut decoder.take(most.saturating_add(1)), &mut io::sink()).is_ok_and(|size| size <= most)
}

/// Returns whether a key can be opened with the memory and the time that are due to one. A key is
/// not encrypted: whoever can write to the place can have written it.
pub(super) fn is_payable(key: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Cost {
        #[serde(rename = "N")]
        n: u64,
        r: u64,
        p: u64,
    }
    // What is no key at all costs nothing.
    let Ok(Cost { n, r, p }) = serde_json::from_slice(key) else { return true };
    let memory = n.saturating_add(p).saturating_mul(r).saturating_mul(128);
    memory <= MAX_KEY_MEMORY && memory.saturating_mul(p) <= MAX_KEY_WORK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_only() {
        let (key, other) = (MasterKey::new(), MasterKey::new());
        let sealed = seal(&key, b"{\"pid\":1}", [7; NONCE_BYTES]);
        assert_eq!(unseal(&key, &sealed, 99).unwrap(), b"{\"pid\":1}");
        assert_eq!(unseal(&key, &sealed, 8), None);
        assert_eq!(unseal(&other, &sealed, 99), None);
        assert_eq!(unseal(&key, &sealed[..20], 99), None);
    }

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_refused() {
        let key = MasterKey::new();
        let mut packed = vec![COMPRESSED];
        packed.extend(zstd::encode_all(&[0; 1 << 20][..], 3).unwrap());
        let sealed = seal(&key, &packed, [7; NONCE_BYTES]);
        assert!(sealed.len() < 1000);
        assert_eq!(unseal(&key, &sealed, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(unseal(&key, &sealed, (1 << 20) - 1), None);
        assert!(is_small(&key, &sealed, 1 << 20) && !is_small(&key, &sealed, (1 << 20) - 1));
    }

    #[test]
    fn a_key_that_takes_a_terabyte_to_open_is_refused() {
        assert!(is_payable(br#"{"N":131072,"r":8,"p":1}"#), "dvol's");
        assert!(is_payable(br#"{"N":32768,"r":8,"p":6}"#), "restic's");
        for key in [
            &br#"{"N":1073741824,"r":8,"p":1}"#[..],
            br#"{"N":32768,"r":4294967295,"p":1}"#,
            br#"{"N":32768,"r":8,"p":4294967295}"#,
        ] {
            assert!(!is_payable(key));
        }
    }
}

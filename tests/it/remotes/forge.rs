//! Writes into a repository what no honest program writes. Its key is known, as that of a catalogue
//! with a well-known password is to all.

use std::fs;
use std::path::PathBuf;

use aes256ctr_poly1305aes::aead::AeadInPlace as _;
use aes256ctr_poly1305aes::aead::generic_array::GenericArray;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Team;
use super::hostile::files;

/// What comes before the ciphertext, and after it.
const NONCE: usize = 16;
const TAG: usize = 16;

/// What seals the files and pieces of a repository, by 64 bytes of key.
pub(super) struct Cipher(Aes256CtrPoly1305Aes);

impl Cipher {
    pub(super) fn new(key: &[u8]) -> Self {
        Cipher(Aes256CtrPoly1305Aes::new(Key::from_slice(key)))
    }

    pub(super) fn seal(&self, text: &[u8]) -> Vec<u8> {
        let mut out = vec![7; NONCE];
        out.extend_from_slice(text);
        let nonce = GenericArray::from([7; NONCE]);
        let tag = self.0.encrypt_in_place_detached(&nonce, &[], &mut out[NONCE..]).unwrap();
        out.extend_from_slice(&tag);
        out
    }

    pub(super) fn decrypt(&self, sealed: &[u8]) -> Vec<u8> {
        let (nonce, rest) = sealed.split_at(NONCE);
        let (text, tag) = rest.split_at(rest.len() - TAG);
        let mut text = text.to_vec();
        let (nonce, tag) = (GenericArray::clone_from_slice(nonce), GenericArray::clone_from_slice(tag));
        self.0.decrypt_in_place_detached(&nonce, &[], &mut text, &tag).unwrap();
        text
    }
}

/// A repository and its key.
pub(super) struct Forge {
    root: PathBuf,
    cipher: Cipher,
}

pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Forge {
    /// Takes the key of the team's repository, which was made already.
    pub(super) fn of(team: &Team) -> Self {
        let pool = &team.here;
        pool.ok(["remote", "add", "--keep-key", "kept", &team.url(), "--password-file", &team.password()]);
        pool.ok(["ls-remote", "kept"]);
        let shown = crate::harness::json_lines(&pool.ok(["remote", "show", "kept", "--format", "json"]));
        let file = shown[0]["kept_key"].as_str().unwrap().to_owned();
        let text: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let parts = [&text["encrypt"], &text["mac"]["k"], &text["mac"]["r"]]
            .map(|part| BASE64.decode(part.as_str().unwrap()).unwrap());
        Forge { root: team.repository(), cipher: Cipher::new(&parts.concat()) }
    }

    /// Writes a file that names others; returns where.
    pub(super) fn put(&self, folder: &str, text: &[u8]) -> PathBuf {
        let sealed = self.cipher.seal(text);
        let path = self.root.join(folder).join(hash(&sealed));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, sealed).unwrap();
        path
    }

    /// Reads all files of a folder: their paths and texts.
    pub(super) fn texts(&self, folder: &str) -> Vec<(PathBuf, Value)> {
        let read = |path: PathBuf| {
            let text = self.cipher.decrypt(&fs::read(&path).unwrap());
            let text = if text[0] == 2 { zstd::decode_all(&text[1..]).unwrap() } else { text };
            (path, serde_json::from_slice(&text).unwrap())
        };
        files(&self.root.join(folder)).into_iter().map(read).collect()
    }

    /// Reads a directory of a snapshot.
    pub(super) fn tree(&self, id: &Value) -> Value {
        for (_, index) in self.texts("index") {
            for pack in index["packs"].as_array().unwrap() {
                let Some(blob) = pack["blobs"].as_array().unwrap().iter().find(|blob| blob["id"] == *id)
                else {
                    continue;
                };
                let name = pack["id"].as_str().unwrap();
                let bytes = fs::read(self.root.join("data").join(&name[..2]).join(name)).unwrap();
                let (offset, length) = (blob["offset"].as_u64().unwrap(), blob["length"].as_u64().unwrap());
                let text = self.cipher.decrypt(&bytes[offset as usize..(offset + length) as usize]);
                let is_packed = blob["uncompressed_length"].is_u64();
                let text = if is_packed { zstd::decode_all(&*text).unwrap() } else { text };
                return serde_json::from_slice(&text).unwrap();
            }
        }
        panic!("no tree {id}");
    }

    /// Writes a piece, packed, under a name that need not be its checksum, with a length that need
    /// not be its own.
    pub(super) fn piece(&self, kind: &str, id: &str, content: &[u8], length: u64) {
        let sealed = self.cipher.seal(&zstd::encode_all(content, 1).unwrap());
        let pack = hash(&sealed);
        let path = self.root.join("data").join(&pack[..2]).join(&pack);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let blob = json!({"id": id, "type": kind, "offset": 0, "length": sealed.len(),
            "uncompressed_length": length});
        fs::write(path, sealed).unwrap();
        let index = json!({"packs": [{"id": pack, "blobs": [blob]}]});
        self.put("index", index.to_string().as_bytes());
    }

    /// Writes a directory; returns its id.
    pub(super) fn write_tree(&self, tree: &Value) -> Value {
        let text = tree.to_string() + "\n";
        let id = hash(text.as_bytes());
        self.piece("tree", &id, text.as_bytes(), text.len() as u64);
        id.into()
    }

    /// Changes the snapshots of commits, which then say what `change` makes of them and of their
    /// records.
    pub(super) fn change_commits(&self, change: &dyn Fn(&mut Value, &mut Value)) {
        for (path, mut snapshot) in self.texts("snapshots") {
            let text = snapshot["description"].as_str().unwrap();
            let mut description: Value = serde_json::from_str(text).unwrap();
            if description["commit"].is_object() {
                change(&mut snapshot, &mut description["commit"]);
                snapshot["description"] = description.to_string().into();
                fs::remove_file(path).unwrap();
                self.put("snapshots", snapshot.to_string().as_bytes());
            }
        }
    }
}

//! A repository without volumes whose password costs nothing to try. The one that dvol gives a
//! repository takes a third of a second in each command, which is what it is for, and these tests
//! run many commands.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use scrypt::{Params, scrypt};
use serde_json::Value;

use super::forge::{Cipher, hash};
use super::hostile::files;
use crate::harness::Pool;

/// The password of the repositories of all teams, as the file has it.
pub(super) const PASSWORD: &str = "a password\n";

/// The bytes of the config file and of the key.
static MADE: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let pool = Pool::with_commits(&["one"]);
    let (repository, password) = (pool.dir().join("catalog"), pool.dir().join("password"));
    fs::write(&password, PASSWORD).unwrap();
    let [url, password] = [&repository, &password].map(|path| path.to_str().unwrap());
    pool.ok(["remote", "add", "origin", url, "--password-file", password]);
    pool.ok(["push", "-y", "origin", "master"]);
    let key = fs::read(&files(&repository.join("keys"))[0]).unwrap();
    (fs::read(repository.join("config")).unwrap(), cheaper(&key))
});

/// Seals the master key of a key file anew, with the least work that its format allows.
fn cheaper(key: &[u8]) -> Vec<u8> {
    let mut key: Value = serde_json::from_slice(key).unwrap();
    let (data, salt) =
        [&key["data"], &key["salt"]].map(|text| BASE64.decode(text.as_str().unwrap()).unwrap()).into();
    let number = |name: &str| u32::try_from(key[name].as_u64().unwrap()).unwrap();
    let cipher = |n: u32, r: u32, p: u32| {
        let mut derived = [0; 64];
        let params = Params::new(n.ilog2() as u8, r, p).unwrap();
        scrypt(PASSWORD.trim_end().as_bytes(), &salt, &params, &mut derived).unwrap();
        Cipher::new(&derived)
    };
    let master = cipher(number("N"), number("r"), number("p")).decrypt(&data);
    key["data"] = BASE64.encode(cipher(2, 1, 1).seal(&master)).into();
    (key["N"], key["r"], key["p"]) = (2.into(), 1.into(), 1.into());
    key.to_string().into_bytes()
}

/// Puts the repository into a directory that is not there yet.
pub(super) fn lay(repository: &Path) {
    let (config, key) = &*MADE;
    for folder in ["data", "dvol", "index", "keys", "locks", "snapshots"] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    fs::write(repository.join("config"), config).unwrap();
    fs::write(repository.join("keys").join(hash(key)), key).unwrap();
}

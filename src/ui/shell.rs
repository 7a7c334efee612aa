//! A command as a person types it into a shell.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use crate::model::is_control;

/// Writes `dvol` and these words, quoted where a shell needs it.
pub(super) fn line(words: &[OsString]) -> String {
    words.iter().fold("dvol".to_owned(), |line, word| line + " " + &quoted(word))
}

/// Quotes a word: not at all, by `'…'`, or by `$'…'` if it has bytes that are not shown.
fn quoted(word: &OsStr) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:=@,+%^{}".contains(byte);
    // Braces, and a tilde at the start, mean something; `HEAD~1` and `HEAD@{1}` do not.
    let is_tame = |text: &str| {
        !text.is_empty() && !text.starts_with('~') && !text.contains("..{") && !text.contains(',')
    };
    match word.to_str() {
        Some(text) if is_tame(text) && text.bytes().all(|byte| is_plain(&byte) || byte == b'~') => {
            text.to_owned()
        }
        Some(text) if !text.chars().any(is_control) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let mut quoted = "$'".to_owned();
            for byte in word.as_bytes() {
                let _ = match byte {
                    b'\'' | b'\\' => write!(quoted, "\\{}", char::from(*byte)),
                    b' '..=b'~' => write!(quoted, "{}", char::from(*byte)),
                    _ => write!(quoted, "\\x{byte:02x}"),
                };
            }
            quoted + "'"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_reads_back_each_word() {
        let words: Vec<OsString> =
            ["a", "HEAD~1", "HEAD@{1}", "", "it's", "a b", "~x", "{a,b}", "$(x)`y`", "-m", "ä\n*", "\\'\n"]
                .map(OsString::from)
                .into_iter()
                .chain([OsStr::from_bytes(b"\xff\x1b[2J'").to_owned()])
                .collect();
        let script = line(&words).replacen("dvol", "printf '%s\\0'", 1);
        let read = Command::new("bash").args(["-c", &script]).output().unwrap().stdout;
        let wanted: Vec<u8> = words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
        assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&wanted), "{script}");
        assert_eq!(line(&["commit".into(), "-m".into(), "a b".into()]), "dvol commit -m 'a b'");
        assert_eq!(line(&["reset".into(), "HEAD~2".into()]), "dvol reset HEAD~2");
    }
}

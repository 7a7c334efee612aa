//! Revisions: the ways in which a person names a commit.
//!
//! `[VOLUME:]BASE[STEPS]`, where BASE is `HEAD`, `@`, a branch or tag, an id or a prefix of at
//! least 4 digits, and STEPS is a run of `^`, `^N`, `~`, `~N` as in gitrevisions(7). A commit of
//! dvol has one parent at most, so `^0` is the commit itself, `^1` its parent, and `^2` an error
//! when it is resolved. `HEAD@{N}`, `@{-1}` and `ORIG_HEAD` look back in the operation log; `@{u}`
//! is where the branch that the current one follows is in its remote, as dvol last saw it.

use std::fmt;
use std::str::FromStr;

use super::{NameError, VolumeName};

/// Length of the shortest prefix of an id, in digits.
const MIN_PREFIX: usize = 4;

/// Says why a text is not a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// The text names no commit.
    #[error("a revision is missing: use HEAD, a branch, or an id and its ^ and ~N")]
    Empty,
    /// The part after the base is not a run of `^` and `~`.
    #[error("'{0}' is not a revision: only ^, ^N, ~ and ~N may follow the name")]
    Steps(String),
    /// A count that no chain of commits can reach.
    #[error("'{0}' is not a revision: the number is too large")]
    TooLarge(String),
    /// The text is not `A..B`.
    #[error("'{0}' is not a range: use A..B for the commits of B that A does not have")]
    Range(String),
    /// The part before `:` is not a volume's name.
    #[error(transparent)]
    Volume(#[from] NameError),
}

/// The commit that a revision starts at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The head of the current branch: `HEAD` or `@`.
    Head,
    /// `HEAD@{N}`: HEAD as it was N operations ago.
    HeadBefore(u32),
    /// `@{-N}`: the branch that was current N checkouts ago.
    BranchBefore(u32),
    /// `ORIG_HEAD`: HEAD as it was before the last reset.
    OrigHead,
    /// `@{u}`: where the branch that the current one follows is in its remote.
    Upstream,
    /// A branch, a tag, `REMOTE/BRANCH`, an id or the prefix of one.
    Name(String),
}

/// One step towards the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `^N`: the N-th parent (0 is the commit itself).
    Parent(u32),
    /// `~N`: N first parents up.
    Ancestor(u32),
}

/// A range `A..B`: the commits of B that A does not have. An empty side is HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// A, which is left out with all its ancestors.
    pub from: Revision,
    /// B, where the walk begins.
    pub to: Revision,
}

impl FromStr for Range {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let (from, to) = text.split_once("..").ok_or_else(|| RevisionError::Range(text.to_owned()))?;
        if to.starts_with('.') {
            return Err(RevisionError::Range(text.to_owned()));
        }
        let side = |text: &str| if text.is_empty() { Ok(Revision::head()) } else { text.parse() };
        Ok(Range { from: side(from)?, to: side(to)? })
    }
}

/// A parsed revision.
///
/// ```
/// use dvol::model::{Base, Revision};
/// let revision: Revision = "db:HEAD~2^".parse().unwrap();
/// assert_eq!(revision.base, Base::Head);
/// assert_eq!(revision.generations(), 3);
/// assert_eq!(revision.to_string(), "db:HEAD~2^");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The volume, if the text names one.
    pub volume: Option<VolumeName>,
    /// The commit to start at.
    pub base: Base,
    /// The steps from there, in order.
    pub steps: Vec<Step>,
    text: String,
}

impl Revision {
    /// Makes the revision `HEAD`.
    pub fn head() -> Self {
        Revision { volume: None, base: Base::Head, steps: Vec::new(), text: "HEAD".to_owned() }
    }

    /// Counts the parents that all steps together lead up.
    pub fn generations(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| {
                u64::from(match *step {
                    Step::Parent(n) | Step::Ancestor(n) => n,
                })
            })
            .sum()
    }

    /// Returns whether `text` can be an id or the prefix of one.
    pub fn is_prefix(text: &str) -> bool {
        (MIN_PREFIX..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let (volume, rest) = match text.split_once(':') {
            Some((volume, rest)) => (Some(volume.parse()?), rest),
            None => (None, text),
        };
        let split = rest.find(['^', '~']).unwrap_or(rest.len());
        let (base, steps) = rest.split_at(split);
        Ok(Revision {
            volume,
            base: parse_base(base, text)?,
            steps: parse_steps(steps, text)?,
            text: text.to_owned(),
        })
    }
}

fn parse_base(base: &str, text: &str) -> Result<Base, RevisionError> {
    let number = |digits: &str| digits.parse().map_err(|_| RevisionError::TooLarge(text.to_owned()));
    let inside = |prefix: &str| base.strip_prefix(prefix)?.strip_suffix('}');
    let is_count = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match base {
        "" => Err(RevisionError::Empty),
        "HEAD" | "@" => Ok(Base::Head),
        "ORIG_HEAD" => Ok(Base::OrigHead),
        "@{u}" | "@{upstream}" | "@{push}" => Ok(Base::Upstream),
        _ => {
            if let Some(digits) = inside("@{-").filter(|d| is_count(d)) {
                Ok(Base::BranchBefore(number(digits)?))
            } else if let Some(digits) = inside("HEAD@{").or(inside("@{")).filter(|d| is_count(d)) {
                Ok(Base::HeadBefore(number(digits)?))
            } else if base.contains(['{', '@']) {
                Err(RevisionError::Steps(text.to_owned()))
            } else {
                Ok(Base::Name(base.to_owned()))
            }
        }
    }
}

fn parse_steps(steps: &str, text: &str) -> Result<Vec<Step>, RevisionError> {
    let mut parsed = Vec::new();
    let mut rest = steps;
    while let Some(mark) = rest.chars().next() {
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        let count = match &rest[1..1 + digits] {
            "" => 1,
            number => number.parse().map_err(|_| RevisionError::TooLarge(text.to_owned()))?,
        };
        parsed.push(match mark {
            '^' => Step::Parent(count),
            '~' => Step::Ancestor(count),
            _ => return Err(RevisionError::Steps(text.to_owned())),
        });
        rest = &rest[1 + digits..];
        if !rest.is_empty() && !rest.starts_with(['^', '~']) {
            return Err(RevisionError::Steps(text.to_owned()));
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    fn parse(text: &str) -> Revision {
        text.parse().unwrap()
    }

    #[test]
    fn the_forms_that_git_users_know_are_read() {
        assert_eq!(parse("HEAD").base, Base::Head);
        assert_eq!(parse("@~3").generations(), 3);
        assert_eq!(parse("HEAD^^").generations(), 2);
        assert_eq!(parse("HEAD~2^").steps, [Step::Ancestor(2), Step::Parent(1)]);
        assert_eq!(parse("feature/x^0").base, Base::Name("feature/x".into()));
        assert_eq!(parse("HEAD@{2}~").base, Base::HeadBefore(2));
        assert_eq!(parse("@{-1}").base, Base::BranchBefore(1));
        assert_eq!(parse("ORIG_HEAD").base, Base::OrigHead);
        assert_eq!(parse("@{u}~1").base, Base::Upstream);
        assert_eq!(parse("db:master").volume, Some("db".parse().unwrap()));
    }

    #[test]
    fn a_text_that_is_not_a_revision_is_refused() {
        for text in
            ["", "^", "~2", "db:", "HEAD^x", "HEAD~2x", "HEAD~99999999999", "HEAD@{x}", "a@{1}", "../x:HEAD"]
        {
            assert!(text.parse::<Revision>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_has_two_sides() {
        let range: Range = "v1..".parse().unwrap();
        assert_eq!((range.from, range.to), (parse("v1"), Revision::head()));
        assert!("..".parse::<Range>().is_ok());
        for text in ["a", "a...b", "a..^", "a..b..c^x"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }

    /// Tries many texts made of the characters that have a meaning here, as a fuzzer would.
    #[test]
    fn no_mix_of_what_means_something_panics() {
        let pieces = [
            "HEAD",
            "@",
            "{",
            "}",
            "-",
            "^",
            "~",
            ":",
            "..",
            "1",
            "99999999999",
            "0abc",
            "db",
            "/",
            "é",
            " ",
        ];
        let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..50_000 {
            let mut text = String::new();
            for _ in 0..seed % 9 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            seed = seed.rotate_left(7).wrapping_add(1);
            if let Ok(revision) = text.parse::<Revision>() {
                assert_eq!(revision.to_string(), text);
                assert!(revision.steps.is_empty() || revision.generations() < u64::MAX);
            }
            let _ = text.parse::<Range>();
        }
    }

    quickcheck! {
        fn any_text_parses_or_is_refused_without_a_panic(text: String) -> bool {
            text.parse::<Revision>().map_or(true, |revision| revision.to_string() == text)
        }

        fn any_run_of_steps_adds_up(counts: Vec<(bool, u8)>) -> bool {
            let steps: String = counts.iter().map(|(caret, n)| format!("{}{n}", if *caret { '^' } else { '~' })).collect();
            let revision: Revision = format!("HEAD{steps}").parse().unwrap();
            revision.generations() == counts.iter().map(|(_, n)| u64::from(*n)).sum::<u64>()
        }
    }
}

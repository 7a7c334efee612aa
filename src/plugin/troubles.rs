//! Lasting troubles of background work, each of which is logged when it begins, changes or ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// What troubles there are, by what they concern.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<String, String>>);

/// What is new about a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The trouble began, or is another one now.
    Began,
    /// The trouble is over.
    Over,
    /// Nothing is new.
    None,
}

impl Troubles {
    /// Keeps in mind what troubles `subject`, if anything, and returns what is new about it.
    pub(super) fn news(&self, subject: &str, trouble: Option<&str>) -> News {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) if known.get(subject).is_some_and(|last| last == trouble) => News::None,
            Some(trouble) => {
                known.insert(subject.to_owned(), trouble.to_owned());
                News::Began
            }
            None if known.remove(subject).is_some() => News::Over,
            None => News::None,
        }
    }

    /// Logs a trouble that kept work from being done: `begun` when it begins or changes, `over`
    /// when it ends.
    pub(super) fn log(&self, subject: &str, trouble: Option<&Error>, begun: &str, over: &str) {
        let trouble = trouble.map(Error::to_string);
        match (self.news(subject, trouble.as_deref()), trouble) {
            (News::Began, Some(error)) => tracing::warn!(error, "{begun}"),
            (News::Over, _) => tracing::info!("{over}"),
            _ => {}
        }
    }

    /// Forgets the troubles of all subjects that begin with `prefix` but those in `still`; returns
    /// the rest of their names.
    pub(super) fn over(&self, prefix: &str, still: &[String]) -> Vec<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = known.keys().filter_map(|subject| subject.strip_prefix(prefix));
        let ended: Vec<String> =
            ended.filter(|name| !still.iter().any(|one| one == name)).map(str::to_owned).collect();
        for name in &ended {
            known.remove(&format!("{prefix}{name}"));
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_news_when_it_begins_changes_and_ends() {
        let troubles = Troubles::default();
        let news = |trouble| troubles.news("journal", trouble);
        assert_eq!(news(None), News::None);
        assert_eq!(
            [news(Some("a")), news(Some("a")), news(Some("b"))],
            [News::Began, News::None, News::Began]
        );
        assert_eq!([news(None), news(None), news(Some("b"))], [News::Over, News::None, News::Began]);
        troubles.news("volume db", Some("a"));
        troubles.news("volume other", Some("a"));
        assert_eq!(troubles.over("volume ", &["db".to_owned()]), ["other"]);
        assert_eq!(troubles.news("volume db", Some("a")), News::None);
        assert_eq!(news(Some("b")), News::None);
    }
}

//! Lists the topics of `dvol help`: what does not belong to one verb. Each is a Markdown file in
//! `topics/`.

/// A page that `dvol help NAME` shows and that dvol-NAME(7) holds.
#[derive(Debug)]
pub(in crate::cli) struct Topic {
    pub(in crate::cli) name: &'static str,
    /// What the page is about, for lists of topics.
    pub(in crate::cli) about: &'static str,
    pub(super) source: &'static str,
}

macro_rules! topics {
    ($($name:literal: $about:literal,)*) => {
        &[$(Topic { name: $name, about: $about, source: include_str!(concat!("topics/", $name, ".md")) }),*]
    };
}

/// All topics, in the order in which lists show them.
pub(in crate::cli) const TOPICS: &[Topic] = topics! {
    "install": "Install dvol and its driver; upgrade them",
    "volumes": "Docker volumes: compose files, driver options, size limits",
    "worktrees": "Several branches of a volume at the same time",
    "compose": "Work on all volumes of a compose project at once",
    "containers": "How dvol stops, pauses and restarts containers",
    "databases": "Settings for PostgreSQL, MariaDB, MySQL, Redis, SQLite",
    "verbs": "All verbs in tables, with their main options",
    "revisions": "Ways to name a commit",
    "page": "The page of dvol ui: volumes in a browser",
    "options": "Options of all verbs, and environment variables",
    "remotes": "Share volumes with others: push, pull, clone; catalogues",
    "settings": "The keys of dvol config",
    "json": "Output for scripts, and exit codes",
    "space": "Where disk space goes, and how to get it back",
    "recovery": "Find and repair damage; checksums",
    "layout": "The files and directories of a pool",
    "older-layout": "Take over the pool of an older tool",
    "podman": "Use dvol with podman",
    "engines": "Container engines that dvol was tried with",
};

/// Finds a topic by its name.
pub(in crate::cli) fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

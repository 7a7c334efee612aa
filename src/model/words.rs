//! Words with a number.

/// `1 commit`, `2 commits`: a noun whose plural has an s.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {}", plural(n, what))
}

/// The noun alone, as it stands beside so many.
fn plural(n: usize, what: &str) -> String {
    format!("{what}{}", if n == 1 { "" } else { "s" })
}

/// `container web`, `containers web, db`: a noun with the names that it stands for.
pub fn named(what: &str, names: &[String]) -> String {
    format!("{} {}", plural(names.len(), what), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_s() {
        assert_eq!([0, 1, 2].map(|n| count(n, "row")), ["0 rows", "1 row", "2 rows"]);
        assert_eq!(named("container", &["web".to_owned()]), "container web");
        assert_eq!(named("container", &["web".to_owned(), "db".to_owned()]), "containers web, db");
    }
}

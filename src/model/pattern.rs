//! Patterns for the names of tags.

/// Returns whether a shell pattern with `*` and `?` matches the whole of `text`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, eaten)) = star {
            // The last star takes one character more.
            star = Some((at, eaten + 1));
            (p, t) = (at + 1, eaten + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_matches_the_whole_name() {
        assert!(
            matches("v1.*", "v1.2") && matches("*", "") && matches("a?c*", "abc") && matches("*b*b", "abab")
        );
        assert!(!matches("v1", "v1.2") && !matches("?", "") && !matches("*b*b", "aba"));
    }
}

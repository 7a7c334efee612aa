//! Which commits to keep: the rules of `dvol forget` and of the setting `commits.keep`. They are
//! restic's: a commit is kept if any rule keeps it.

use jiff::{Span, Zoned};

use super::{Instant, TagName, matches};

/// Rules that say which commits to keep.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keep {
    /// The newest commits.
    pub last: u32,
    /// The newest commit of each of so many hours that have one.
    pub hourly: u32,
    /// The newest commit of each of so many days.
    pub daily: u32,
    /// The newest commit of each of so many weeks.
    pub weekly: u32,
    /// The newest commit of each of so many months.
    pub monthly: u32,
    /// The newest commit of each of so many years.
    pub yearly: u32,
    /// All commits that are at most so much older than the newest one.
    pub within: Option<Age>,
    /// Commits with a tag that one of these patterns matches.
    pub tags: Vec<String>,
}

/// A length of time as restic writes it: `1y5m7d2h`.
#[derive(Debug, Clone, Copy)]
pub struct Age(Span);

impl PartialEq for Age {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0
    }
}

impl std::str::FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is not a duration: use years, months, weeks, days and hours as in 1y5m2w7d2h")
        };
        let (mut span, mut digits) = (Span::new(), String::new());
        for c in text.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            let count: i64 = digits.parse().map_err(|_| wrong())?;
            digits.clear();
            span = match c {
                'y' => span.try_years(count),
                'm' => span.try_months(count),
                'w' => span.try_weeks(count),
                'd' => span.try_days(count),
                'h' => span.try_hours(count),
                _ => return Err(wrong()),
            }
            .map_err(|_| wrong())?;
        }
        if text.is_empty() || !digits.is_empty() { Err(wrong()) } else { Ok(Age(span)) }
    }
}

impl Keep {
    /// Returns whether there is no rule.
    pub fn is_empty(&self) -> bool {
        *self == Keep::default()
    }

    /// Parses the setting `commits.keep`: `last=10,daily=7,within=2d,tag=v*`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut keep = Keep::default();
        for rule in text.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            let (word, value) = rule.split_once('=')?;
            match word {
                "last" => keep.last = count(value)?,
                "hourly" => keep.hourly = count(value)?,
                "daily" => keep.daily = count(value)?,
                "weekly" => keep.weekly = count(value)?,
                "monthly" => keep.monthly = count(value)?,
                "yearly" => keep.yearly = count(value)?,
                "within" => keep.within = Some(value.parse().ok()?),
                "tag" => keep.tags.push(value.to_owned()),
                _ => return None,
            }
        }
        Some(keep)
    }

    /// Says for each commit whether a rule keeps it. The commits are sorted, the newest first.
    pub fn select(&self, commits: &[(Instant, Vec<TagName>)]) -> Vec<bool> {
        let mut buckets = [
            Bucket::new(self.last, |_, place| place.to_string()),
            Bucket::new(self.hourly, |date, _| date.strftime("%Y-%m-%d %H").to_string()),
            Bucket::new(self.daily, |date, _| date.strftime("%Y-%m-%d").to_string()),
            Bucket::new(self.weekly, |date, _| date.strftime("%G-%V").to_string()),
            Bucket::new(self.monthly, |date, _| date.strftime("%Y-%m").to_string()),
            Bucket::new(self.yearly, |date, _| date.strftime("%Y").to_string()),
        ];
        let newest = commits.first().map(|(date, _)| date.to_zoned());
        let since = self.within.zip(newest).and_then(|(Age(span), newest)| newest.checked_sub(span).ok());
        let keep = |(place, (date, tags)): (usize, &(Instant, Vec<TagName>))| {
            let date = date.to_zoned();
            let mut keeps = since.as_ref().is_some_and(|since| date >= *since);
            keeps |= tags.iter().any(|tag| self.tags.iter().any(|pattern| matches(pattern, tag.as_str())));
            for bucket in &mut buckets {
                keeps |= bucket.takes(&date, place);
            }
            keeps
        };
        commits.iter().enumerate().map(keep).collect()
    }
}

fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| *count > 0)
}

/// Takes the first commit of each of so many times.
struct Bucket {
    left: u32,
    name: fn(&Zoned, usize) -> String,
    last: Option<String>,
}

impl Bucket {
    fn new(left: u32, name: fn(&Zoned, usize) -> String) -> Self {
        Bucket { left, name, last: None }
    }

    fn takes(&mut self, date: &Zoned, place: usize) -> bool {
        if self.left == 0 {
            return false;
        }
        let name = (self.name)(date, place);
        let is_new = self.last.as_ref() != Some(&name);
        if is_new {
            self.left -= 1;
            self.last = Some(name);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A commit so many hours before noon of the last day of 2024.
    fn before(hours: i64, tags: &[&str]) -> (Instant, Vec<TagName>) {
        let noon = "2024-12-31T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        (Instant { micros: noon - hours * 3_600_000_000, offset: 0 }, tags)
    }

    fn kept(rules: &str, commits: &[(Instant, Vec<TagName>)]) -> Vec<usize> {
        let kept = Keep::parse(rules).unwrap().select(commits);
        kept.iter().enumerate().filter(|(_, kept)| **kept).map(|(place, _)| place).collect()
    }

    #[test]
    fn a_commit_is_kept_if_any_rule_keeps_it() {
        let hours = [0, 1, 2, 24, 25, 48, 24 * 40, 24 * 400];
        let commits: Vec<_> = hours.iter().map(|hours| before(*hours, &[])).collect();
        assert_eq!(kept("last=2", &commits), [0, 1]);
        assert_eq!(kept("hourly=2", &commits), [0, 1]);
        assert_eq!(kept("daily=2", &commits), [0, 3]);
        assert_eq!(kept("daily=3,last=2", &commits), [0, 1, 3, 5]);
        assert_eq!(kept("monthly=2", &commits), [0, 6]);
        assert_eq!(kept("yearly=9", &commits), [0, 7]);
        assert_eq!(kept("weekly=2", &commits), [0, 5]);
        assert_eq!(kept("within=1d", &commits), [0, 1, 2, 3]);
        assert_eq!(kept("within=1d1h", &commits), [0, 1, 2, 3, 4]);
        assert!(kept("tag=v*", &[before(0, &["w1"]), before(1, &["v1", "x"])]) == [1]);
    }

    #[test]
    fn rules_that_are_none_are_refused() {
        for text in ["last", "last=0", "last=x", "often=3", "within=", "within=3", "within=3q", "last=-1"] {
            assert_eq!(Keep::parse(text), None, "{text}");
        }
        assert!(Keep::parse("").unwrap().is_empty());
        assert!(matches("v*.?", "v1.2") && !matches("v*.?", "v1.23") && matches("*", ""));
    }
}

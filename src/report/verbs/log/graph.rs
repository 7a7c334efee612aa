//! Draws the lines of `log --graph`: a column for each line of commits, joined where they meet.
//!
//! A commit has one parent at most, so lines only ever join on the way down.

use crate::model::CommitId;

/// The columns below the last commit drawn: the commit that comes next in each.
#[derive(Debug, Default)]
pub(super) struct Graph {
    waiting: Vec<CommitId>,
}

/// What to print before the lines of one commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rails {
    /// Lines above the commit, where columns join.
    pub(super) joins: Vec<String>,
    /// Before its first line.
    pub(super) first: String,
    /// Before its further lines.
    pub(super) rest: String,
}

impl Graph {
    /// Draws the next commit.
    pub(super) fn next(&mut self, id: &CommitId, parent: Option<&CommitId>) -> Rails {
        let mut joins = Vec::new();
        let column = match self.waiting.iter().position(|waiting| waiting == id) {
            Some(column) => column,
            None => {
                self.waiting.push(id.clone());
                self.waiting.len() - 1
            }
        };
        while let Some(other) = self.waiting.iter().rposition(|waiting| waiting == id) {
            if other == column {
                break;
            }
            joins.push(join(column, other, self.waiting.len()));
            self.waiting.remove(other);
        }
        let first = self.row(|at| if at == column { "*" } else { "|" });
        match parent {
            Some(parent) => self.waiting[column] = parent.clone(),
            None => {
                let rest = self.row(|at| if at == column { " " } else { "|" });
                self.waiting.remove(column);
                return Rails { joins, first, rest };
            }
        }
        let rest = self.row(|_| "|");
        Rails { joins, first, rest }
    }

    fn row(&self, mark: impl Fn(usize) -> &'static str) -> String {
        (0..self.waiting.len()).map(|at| format!("{} ", mark(at))).collect()
    }
}

/// Draws the line on which column `other` joins `column` and those to its right move left.
fn join(column: usize, other: usize, columns: usize) -> String {
    let mut line = String::new();
    for at in 0..other {
        line.push('|');
        line.push(match at {
            _ if at + 1 == other => '/',
            _ if at >= column => '_',
            _ => ' ',
        });
    }
    for _ in other + 1..columns {
        line.push_str(" /");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> CommitId {
        format!("{n:032x}").parse().unwrap()
    }

    fn draw(commits: &[(u8, u8)]) -> String {
        let mut graph = Graph::default();
        let mut out = String::new();
        for (commit, parent) in commits {
            let rails = graph.next(&id(*commit), (*parent > 0).then(|| id(*parent)).as_ref());
            for line in rails.joins {
                out.push_str(&line);
                out.push('\n');
            }
            out.push_str(&format!("{}{commit}\n", rails.first));
        }
        out
    }

    #[test]
    fn lines_that_meet_are_joined() {
        assert_eq!(draw(&[(3, 2), (2, 1), (1, 0)]), "* 3\n* 2\n* 1\n");
        assert_eq!(draw(&[(3, 1), (2, 1), (1, 0)]), "* 3\n| * 2\n|/\n* 1\n");
        assert_eq!(
            draw(&[(5, 1), (4, 2), (3, 1), (2, 1), (1, 0)]),
            "* 5\n| * 4\n| | * 3\n| * | 2\n|_|/\n|/\n* 1\n"
        );
        assert_eq!(draw(&[(4, 1), (3, 1), (2, 0), (1, 0)]), "* 4\n| * 3\n| | * 2\n|/\n* 1\n");
    }
}

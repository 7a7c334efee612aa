//! Draws the graph of a history beside its rows: a lane for each line of commits.
//!
//! A commit has one parent at most, so lanes only ever join on the way down.

use maud::{Markup, html};

use crate::model::CommitId;

/// The height of a row, and the width of a lane, in pixels; the stylesheet knows the height.
const ROW: usize = 34;
const LANE: usize = 14;
/// How many lanes have room; those to their right are not drawn.
const MAX_LANES: usize = 16;
/// How many colours the stylesheet has for lanes.
const COLORS: usize = 6;

/// The lanes below the last row: the commit that comes next in each.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    waiting: Vec<Option<CommitId>>,
}

/// What to draw in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// The lane of the commit.
    lane: usize,
    /// Whether its line comes from above, and whether it goes on below.
    above: bool,
    below: bool,
    /// The lanes that end here: commits whose parent this one is.
    joining: Vec<usize>,
    /// The lanes that pass by.
    passing: Vec<usize>,
}

impl Lanes {
    /// Goes on to the next commit.
    pub(super) fn next(&mut self, id: &CommitId, parent: Option<&CommitId>) -> Cell {
        let mut own =
            (0..self.waiting.len()).filter(|at| self.waiting[*at].as_ref() == Some(id)).collect::<Vec<_>>();
        let above = !own.is_empty();
        let lane = if above {
            own.remove(0)
        } else {
            let free = self.waiting.iter().position(Option::is_none);
            free.unwrap_or_else(|| {
                self.waiting.push(None);
                self.waiting.len() - 1
            })
        };
        own.iter().for_each(|at| self.waiting[*at] = None);
        let passing =
            (0..self.waiting.len()).filter(|at| *at != lane && self.waiting[*at].is_some()).collect();
        self.waiting[lane] = parent.cloned();
        while self.waiting.last().is_some_and(Option::is_none) {
            self.waiting.pop();
        }
        Cell { lane, above, below: parent.is_some(), joining: own, passing }
    }
}

impl Cell {
    fn lanes(&self) -> usize {
        let all = self.joining.iter().chain(&self.passing).chain([&self.lane]);
        all.max().map_or(1, |most| most + 1).min(MAX_LANES)
    }
}

/// Returns how many lanes these rows take.
pub(super) fn width(cells: &[Cell]) -> usize {
    cells.iter().map(Cell::lanes).max().unwrap_or(1)
}

/// Draws the cell of one row in a picture of so many lanes.
pub(super) fn draw(cell: &Cell, lanes: usize, is_head: bool) -> Markup {
    let x = |lane: usize| lane.min(MAX_LANES - 1) * LANE + LANE / 2 + 1;
    let class = |lane: usize| format!("lane l{}", lane % COLORS);
    let (own, middle) = (x(cell.lane), ROW / 2);
    html! {
        svg.graph width=(lanes * LANE + 4) height=(ROW) aria-hidden="true" {
            @for lane in cell.passing.iter().filter(|lane| **lane < MAX_LANES) {
                path class=(class(*lane)) d=(format!("M{0} 0V{ROW}", x(*lane))) {}
            }
            @for lane in &cell.joining {
                path class=(class(*lane)) d=(format!("M{0} 0C{0} {middle} {own} 2 {own} {middle}", x(*lane))) {}
            }
            @if cell.above { path class=(class(cell.lane)) d=(format!("M{own} 0V{middle}")) {} }
            @if cell.below { path class=(class(cell.lane)) d=(format!("M{own} {middle}V{ROW}")) {} }
            circle class=(format!("{}{}", class(cell.lane), if is_head { " head" } else { "" }))
                cx=(own) cy=(middle) r=(if is_head { "5" } else { "4" }) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(commits: &[(u8, u8)]) -> Vec<(usize, Vec<usize>, Vec<usize>)> {
        let id = |n: u8| -> CommitId { format!("{n:032x}").parse().unwrap() };
        let mut lanes = Lanes::default();
        let cells = commits.iter().map(|(commit, parent)| {
            let cell = lanes.next(&id(*commit), (*parent > 0).then(|| id(*parent)).as_ref());
            (cell.lane, cell.joining, cell.passing)
        });
        cells.collect()
    }

    #[test]
    fn lines_that_meet_are_joined_and_leave_their_lane() {
        assert_eq!(lanes(&[(2, 1), (1, 0)]), [(0, vec![], vec![]), (0, vec![], vec![])]);
        assert_eq!(
            lanes(&[(4, 1), (3, 2), (2, 1), (1, 0)]),
            [(0, vec![], vec![]), (1, vec![], vec![0]), (1, vec![], vec![0]), (0, vec![1], vec![])]
        );
        // A lane that ended is used again.
        let reused = lanes(&[(5, 3), (4, 3), (3, 1), (2, 1), (1, 0)]);
        assert_eq!(reused[2..], [(0, vec![1], vec![]), (1, vec![], vec![0]), (0, vec![1], vec![])]);
    }
}

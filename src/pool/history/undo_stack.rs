//! The operations of a volume as a stack: `undo` walks back over it, `redo` forward again, and a
//! new operation after an undo leaves nothing to redo, as in editors.
//!
//! The stack is not stored: the operation log gives it. An undo of the operation on top, or of an
//! undo that nothing came after, is a step on the stack; any other operation is pushed onto it.
//!
//! A name may have had several volumes, each with operations of its own ([`Operation::line`]). An
//! undo goes back over those of the volume that was worked on last, then over those of the one
//! before it: over the new volume's `init` to the old one's `rm`.

use std::collections::BTreeMap;

use super::commits::MAX_PAST_OPERATIONS;
use crate::error::Error;
use crate::model::{Joint, Operation, Verb, VolumeName};
use crate::pool::Pool;
use crate::store::{Rows, StoreError};

/// How many of the last operations are looked at for the top of the stack, before all of them.
const PARTS: [usize; 3] = [4, 64, 1024];

/// One step back or forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The operation to reverse: the one that was made, or what undid or redid it last.
    pub operation: Operation,
    /// The number of the operation that was made.
    pub number: u64,
    /// What that operation did.
    pub summary: String,
    /// The verb of that operation.
    pub verb: Verb,
    /// The group that it belonged to.
    pub joint: Option<Joint>,
}

/// What can be undone and redone on the volumes that had one name.
#[derive(Debug, Default)]
pub struct UndoStack {
    /// The volumes, the one that was worked on last at the end.
    lines: Vec<Line>,
}

/// What can be undone and redone on one volume.
#[derive(Debug, Default)]
struct Line {
    done: Vec<Step>,
    undone: Vec<Step>,
    /// Number of the last operation.
    newest: u64,
    /// The last operation, if it is neither an undo nor a redo.
    plain: Option<(u64, String)>,
}

impl Step {
    /// Takes an operation as it is.
    pub fn own(operation: Operation) -> Self {
        let (number, verb) = (operation.number, operation.verb);
        let (summary, joint) = (operation.summary.clone(), operation.joint.clone());
        Step { operation, number, summary, verb, joint }
    }
}

impl Line {
    fn add(&mut self, operation: Operation) {
        let is_reversed = |step: &mut Step| Some(step.operation.number) == operation.plan.undoes;
        self.newest = operation.number;
        self.plain = None;
        if let Some(step) = self.done.pop_if(is_reversed) {
            self.undone.push(Step { operation, ..step });
        } else if let Some(step) = self.undone.pop_if(is_reversed) {
            self.done.push(Step { operation, ..step });
        } else {
            self.undone.clear();
            self.plain = Some((operation.number, operation.summary.clone()));
            self.done.push(Step::own(operation));
        }
    }
}

impl UndoStack {
    /// Reads the stack of a volume, which need not exist any more.
    ///
    /// # Errors
    /// When the operation log cannot be read.
    pub fn read(rows: &Rows<'_>, volume: &VolumeName) -> Result<Self, StoreError> {
        Ok(UndoStack::of(rows.operations(volume, MAX_PAST_OPERATIONS)?.into_iter().rev()))
    }

    /// Reads as much of the stack of a volume as tells what its next undo and its next redo are,
    /// which is mostly the last operation alone.
    ///
    /// # Errors
    /// When the operation log cannot be read.
    pub fn read_top(rows: &Rows<'_>, volume: &VolumeName) -> Result<Self, StoreError> {
        for most in PARTS {
            let mut newest = rows.operations(volume, most)?;
            if newest.len() < most {
                return Ok(UndoStack::of(newest.into_iter().rev()));
            }
            newest.reverse();
            if let Some(top) = UndoStack::top_of(newest) {
                return Ok(top);
            }
        }
        UndoStack::read(rows, volume)
    }

    /// Makes the top of the stack of the last operations, oldest first; `None` if what came before
    /// them matters for the next undo or the next redo.
    fn top_of(newest: Vec<Operation>) -> Option<Self> {
        // An operation that is neither an undo nor a redo leaves nothing to redo, so what was
        // undone before it does not matter.
        let first = newest.iter().position(|operation| operation.plan.undoes.is_none())?;
        let number = newest[first].line;
        let mut line = Line::default();
        for operation in newest.into_iter().skip(first) {
            let may_be_older = operation.plan.undoes.is_some() && line.done.is_empty();
            if operation.line != number || may_be_older {
                return None;
            }
            line.add(operation);
        }
        let is_known = !line.done.is_empty() && (line.plain.is_some() || !line.undone.is_empty());
        is_known.then(|| UndoStack { lines: vec![line] })
    }

    /// Makes the stack of these operations, oldest first.
    fn of(log: impl Iterator<Item = Operation>) -> Self {
        let mut lines: BTreeMap<u64, Line> = BTreeMap::new();
        log.for_each(|operation| lines.entry(operation.line).or_default().add(operation));
        let mut lines: Vec<Line> = lines.into_values().collect();
        lines.sort_by_key(|line| line.newest);
        UndoStack { lines }
    }

    /// Returns what the next undo takes back.
    pub fn next_undo(&self) -> Option<&Step> {
        self.done_steps().next()
    }

    /// Returns what the next redo makes again: nothing right after a new operation.
    pub fn next_redo(&self) -> Option<&Step> {
        if self.cut().is_some() {
            return None;
        }
        self.lines.iter().rev().find_map(|line| line.undone.last())
    }

    /// Iterates over what can be undone, the last operation first.
    fn done_steps(&self) -> impl Iterator<Item = &Step> {
        self.lines.iter().rev().flat_map(|line| line.done.iter().rev())
    }

    /// Returns what the next undo takes back, unless that only makes the first volume of the name.
    pub fn next_undo_of_project(&self) -> Option<&Step> {
        let mut steps = self.done_steps();
        let (next, before) = (steps.next()?, steps.next());
        (next.verb != Verb::Init || before.is_some_and(|before| before.verb == Verb::Remove)).then_some(next)
    }

    /// Returns the newest step that was made on several volumes together.
    pub fn newest_joint(&self) -> Option<&Step> {
        self.done_steps().find(|step| step.joint.is_some())
    }

    /// Returns the last operation if it is neither an undo nor a redo, so that nothing is left to
    /// redo.
    pub fn cut(&self) -> Option<&(u64, String)> {
        self.lines.last()?.plain.as_ref()
    }

    /// Finds the step that undoes the operation of this number: what redid it last, if it was
    /// undone before.
    pub fn done(&self, number: u64) -> Option<&Step> {
        self.done_steps().find(|step| step.number == number || step.operation.number == number)
    }

    /// Returns whether the operation of this number is undone.
    pub fn is_undone(&self, number: u64) -> bool {
        self.lines.iter().flat_map(|line| &line.undone).any(|step| step.number == number)
    }
}

impl Pool {
    /// Returns whether the operation log knows a volume of this name, which need not exist any
    /// more.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn is_logged(&self, name: &VolumeName) -> Result<bool, Error> {
        Ok(!self.store.read(|rows| rows.operations(name, 1))?.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Instant, Phase, Plan, Reach};

    fn operation(number: u64, undoes: Option<u64>) -> Operation {
        Operation {
            number,
            id: format!("{number:032x}").parse().unwrap(),
            verb: Verb::Tag,
            volume: "db".parse().unwrap(),
            worktree_of: None,
            reach: Reach::Volume,
            summary: format!("s{number}"),
            pid: 1,
            started: Instant { micros: 0, offset: 0 },
            head_before: None,
            head_after: None,
            phase: Phase::Published,
            plan: Plan { undoes, ..Plan::default() },
            held: Vec::new(),
            attempts: 0,
            joint: None,
            line: 1,
        }
    }

    /// The number of the operation that was made, and of the one to reverse.
    type Numbers = Option<(u64, u64)>;

    /// The operations that the next undo and the next redo are about, and what they reverse.
    fn next(log: &[(u64, Option<u64>)]) -> (Numbers, Numbers) {
        let stack = UndoStack::of(log.iter().map(|(number, undoes)| operation(*number, *undoes)));
        let told = |step: Option<&Step>| step.map(|step| (step.number, step.operation.number));
        (told(stack.next_undo()), told(stack.next_redo()))
    }

    #[test]
    fn undo_walks_back_and_redo_forward() {
        let mut log = vec![(1, None), (2, None), (3, Some(2)), (4, Some(1))];
        assert_eq!(next(&log), (None, Some((1, 4))));
        log.push((5, Some(4)));
        assert_eq!(next(&log), (Some((1, 5)), Some((2, 3))));
        log.push((6, Some(3)));
        assert_eq!(next(&log), (Some((2, 6)), None));
        // What was redone is undone by undoing the redo.
        log.push((7, Some(6)));
        assert_eq!(next(&log), (Some((1, 5)), Some((2, 7))));
    }

    #[test]
    fn a_new_operation_leaves_nothing_to_redo() {
        let log = [(1, None), (2, None), (3, Some(2)), (4, None)];
        assert_eq!(next(&log), (Some((4, 4)), None));
        let stack = UndoStack::of(log.iter().map(|(number, undoes)| operation(*number, *undoes)));
        assert_eq!(stack.cut(), Some(&(4, "s4".to_owned())));
    }

    #[test]
    fn a_name_that_was_made_again_has_one_history() {
        // init, commit, rm; then another volume: init, commit.
        let lines = [1, 1, 1, 4, 4];
        let mut log: Vec<(u64, Option<u64>)> = (1..=5).map(|number| (number, None)).collect();
        let next = |log: &[(u64, Option<u64>)]| {
            let mut all: BTreeMap<u64, u64> = BTreeMap::new();
            let stack = UndoStack::of(log.iter().map(|(number, undoes)| {
                let own = lines.get(usize::try_from(*number).unwrap() - 1).copied();
                let line = own.unwrap_or_else(|| all[&undoes.unwrap()]);
                all.insert(*number, line);
                Operation { line, ..operation(*number, *undoes) }
            }));
            let number = |step: Option<&Step>| step.map(|step| step.number);
            (number(stack.next_undo()), number(stack.next_redo()))
        };
        for (undoes, expected) in [
            (5, (Some(4), Some(5))),
            (4, (Some(3), Some(4))),
            (3, (Some(2), Some(3))),
            (2, (Some(1), Some(2))),
            (9, (Some(2), Some(3))),
            (8, (Some(3), Some(4))),
            (7, (Some(4), Some(5))),
        ] {
            log.push((log.len() as u64 + 1, Some(undoes)));
            assert_eq!(next(&log), expected, "{log:?}");
        }
    }

    #[test]
    fn the_top_of_the_stack_tells_the_same_as_the_whole() {
        let log = |undoes: &[Option<u64>]| -> Vec<Operation> {
            (1..).zip(undoes).map(|(number, undoes)| operation(number, *undoes)).collect()
        };
        let told = |stack: &UndoStack| {
            let told = |step: Option<&Step>| step.map(|step| (step.number, step.operation.number));
            (told(stack.next_undo()), told(stack.next_redo()))
        };
        // Every log of six operations, and every part of its end.
        let mut logs: Vec<Vec<Option<u64>>> = vec![Vec::new()];
        for number in 1..=6 {
            let choices = || (0..number).map(|undoes| (undoes > 0).then_some(undoes));
            logs =
                logs.iter().flat_map(|log| choices().map(|undoes| [&log[..], &[undoes]].concat())).collect();
        }
        let mut known = 0;
        for undoes in &logs {
            let whole = told(&UndoStack::of(log(undoes).into_iter()));
            for length in 1..=undoes.len() {
                let end = log(undoes).split_off(undoes.len() - length);
                if let Some(top) = UndoStack::top_of(end) {
                    assert_eq!(told(&top), whole, "{undoes:?}, the last {length}");
                    known += 1;
                }
            }
        }
        assert!(known > logs.len(), "the end of a log tells nothing");
        let last = |undoes: &[Option<u64>]| UndoStack::top_of(log(undoes).split_off(undoes.len() - 1));
        assert!(last(&[None, None, None]).is_some() && last(&[None, None, Some(2)]).is_none());
        // Another volume of the same name may have been undone before.
        let mut of_two = log(&[None, None]);
        of_two[1].line = 2;
        assert!(UndoStack::top_of(of_two).is_none());
    }

    #[test]
    fn an_undo_of_an_older_operation_is_an_operation_like_any_other() {
        let mut log = vec![(1, None), (2, None), (3, Some(1))];
        assert_eq!(next(&log), (Some((3, 3)), None));
        log.push((4, Some(3)));
        assert_eq!(next(&log), (Some((2, 2)), Some((3, 4))));
    }
}

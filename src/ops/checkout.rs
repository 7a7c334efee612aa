//! `checkout`: switch a volume to another branch; with `-b`, make the branch first.

use serde::Serialize;

use super::branch::{check_no_tag, missing, refuse_checked_out};
use super::excused::{note_starts, note_stop};
use super::protect::refuse_branch;
use super::reachable::{drop_commits, unreachable};
use super::status::{has_changes, is_dirty};
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, ProjectName, Reach, Revision, Row, RowChange, Verb,
    VolumeName, VolumeRecord,
};
use crate::pool::{
    Disruption, Fill, Found, Group, Look, PlanBuilder, Pool, Purpose, branch_before, bring_back, existing,
    refuse_other,
};
use crate::store::Rows;
use crate::sys::tree::{Bounds, FileTime};

/// A request to switch to another branch.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The branch.
    pub branch: Target,
    /// The commit to make the branch from; `None` if the branch must exist.
    pub create: Option<Revision>,
    /// Whether `create` may replace an existing branch.
    pub replace: bool,
    /// Whether uncommitted changes may stay behind in their branch's working tree.
    pub force: bool,
}

/// The branch to switch to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its name.
    Branch(BranchName),
    /// As the branch that was current this many checkouts ago.
    Before(u32),
}

/// A finished checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedOut {
    /// The volume.
    pub volume: VolumeName,
    /// The branch that was current.
    pub from: BranchName,
    /// The branch that is current now.
    pub branch: BranchName,
    /// Its head.
    pub head: Option<CommitId>,
    /// Whether the branch was made.
    pub created: bool,
    /// Whether the branch replaced one of the same name.
    pub replaced: bool,
    /// The commits that became unreachable, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
    /// What became of the containers, for all volumes that were checked out together.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// A checkout that is in the journal.
struct Checkout {
    plan: Plan,
    /// The trees to copy; the new branch's working tree is the last.
    fills: Vec<Fill>,
    /// The commits that become unreachable.
    dropped: Vec<CommitRecord>,
}

/// What a checkout is about to do.
struct Plan {
    volume: VolumeRecord,
    target: BranchRecord,
    /// The commit that the new branch starts from.
    start: Option<Found>,
    /// The branch that is replaced.
    replaced: Option<BranchRecord>,
}

/// Makes `branch` the current one of the volume and restarts the containers on it. Each branch has
/// its own working tree, so nothing is thrown away, except the tree of a branch that is replaced.
///
/// # Errors
/// When the branch does not exist (or, to be made, exists already), the start names no commit, or
/// the current branch has uncommitted changes and `force` is not set. Nothing is changed then.
pub fn checkout(pool: &Pool, request: &CheckoutRequest) -> Result<CheckedOut, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    Ok(checkout_all(pool, &[volume], None, request)?.swap_remove(0))
}

/// Checks out a branch in all volumes of a compose project. Volumes that are on the branch already
/// stay as they are.
///
/// # Errors
/// As [`checkout`], and when no volume belongs to the project.
pub fn checkout_project(
    pool: &Pool,
    project: &ProjectName,
    request: &CheckoutRequest,
) -> Result<Vec<CheckedOut>, Error> {
    checkout_all(pool, &pool.volumes_of_project(project)?, Some(project), request)
}

fn checkout_all(
    pool: &Pool,
    volumes: &[VolumeName],
    project: Option<&ProjectName>,
    request: &CheckoutRequest,
) -> Result<Vec<CheckedOut>, Error> {
    let plans = || {
        pool.store().read(|rows| {
            let plan = |volume| plan(pool, &rows, volume, request);
            volumes.iter().map(plan).collect::<Result<Vec<_>, Error>>()
        })
    };
    plans()?;
    let mut sessions = pool.begin_all(Reach::Volume, Verb::Checkout, volumes, project)?;
    let (stay, work): (Vec<_>, Vec<_>) = plans()?.into_iter().partition(Plan::has_nothing_to_do);
    if !request.force {
        work.iter().try_for_each(|plan| check_clean(pool, plan))?;
    }
    let mut group = Group::new(pool);
    for plan in work {
        let session = sessions.take(&plan.volume.name);
        let summary = format!("checkout: moving from {} to {}", plan.volume.branch, plan.target.name);
        group.intend(session, summary, |rows, draft| plan.draft(pool, rows, draft))?;
    }
    let holds = group.preview(Purpose::Swap)?.holds;
    // What containers write while they start counts as theirs where nothing else has changed.
    let (mut clean, mut left_clean) = (Vec::new(), Vec::new());
    for plan in group.each().map(|checkout| &checkout.plan).filter(|_| holds) {
        let there = VolumeRecord { branch: plan.target.name.clone(), ..plan.volume.clone() };
        if plan.start.is_some() || !has_changes(pool, &there)? {
            clean.push(there.name);
        }
        if !plan.stays() && !has_changes(pool, &plan.volume)? {
            left_clean.push(plan.volume.clone());
        }
    }
    let begun = Bounds::now();
    pool.fill(group.each().flat_map(|checkout| &checkout.fills))?;
    let made = Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..begun };
    let quiesced = group.quiesce(Purpose::Swap)?;
    // What they write while they stop, as well.
    left_clean.iter().for_each(|record| note_stop(pool, record));
    let outcome = quiesced.publish_known(|checkout| checkout.plan.look(made))?.finish();
    note_starts(pool, &clean, &outcome.disruption);
    let work = outcome.volumes.into_iter().map(|Checkout { plan, dropped, .. }| CheckedOut {
        dropped: dropped.into_iter().map(|commit| commit.id).collect(),
        disruption: outcome.disruption.clone(),
        ..plan.done()
    });
    let mut done: Vec<CheckedOut> = work.chain(stay.into_iter().map(Plan::done)).collect();
    done.sort_by(|one, other| one.volume.cmp(&other.volume));
    Ok(done)
}

impl Plan {
    /// Returns whether the branch is the current one already.
    fn stays(&self) -> bool {
        self.target.name == self.volume.branch
    }

    fn has_nothing_to_do(&self) -> bool {
        self.stays() && self.start.is_none()
    }

    fn done(self) -> CheckedOut {
        CheckedOut {
            volume: self.volume.name,
            from: self.volume.branch,
            branch: self.target.name,
            head: self.target.head,
            created: self.start.is_some(),
            replaced: self.replaced.is_some(),
            dropped: Vec::new(),
            disruption: Disruption::default(),
        }
    }

    /// Describes the working tree of a branch that is made.
    fn look(&self, bounds: Bounds) -> Option<Look<'_>> {
        let BranchRecord { volume, name, .. } = &self.target;
        let commit = &self.start.as_ref()?.commit.id;
        Some(Look { volume, branch: name, commit, parent: None, bounds, exchanged: None })
    }

    /// Drafts what the checkout changes.
    fn draft(self, pool: &Pool, rows: &Rows<'_>, draft: &mut PlanBuilder<'_>) -> Result<Checkout, Error> {
        let Plan { volume: record, target, start, replaced } = &self;
        draft.move_head(target.head.clone());
        let (mut fills, mut dropped) = (Vec::new(), Vec::new());
        if let Some(start) = start {
            fills = bring_back(rows, draft, start)?;
            let working_tree = layout::working_tree(record.owner(), &target.name);
            let staged = if let Some(old) = replaced {
                dropped = unreachable(rows, old, target.head.as_ref())?;
                drop_commits(draft, &dropped)?;
                draft.change(RowChange::update(Row::Branch(old.clone()), Row::Branch(target.clone())));
                draft.replace(working_tree)?
            } else {
                draft.change(RowChange::insert(Row::Branch(target.clone())));
                draft.bring_in(working_tree)?
            };
            fills.push(Fill { source: pool.layout().full(&start.tree), staged });
        }
        if !self.stays() {
            let after = VolumeRecord { branch: target.name.clone(), ..record.clone() };
            draft.point(layout::running_point(&record.name), &layout::running_point_target_of(&after))?;
            draft.change(RowChange::update(Row::Volume(record.clone()), Row::Volume(after)));
        }
        Ok(Checkout { plan: self, fills, dropped })
    }
}

fn check_clean(pool: &Pool, plan: &Plan) -> Result<(), Error> {
    let volume = plan.volume.name.clone();
    if plan.start.is_none() && has_changes(pool, &plan.volume)? {
        return Err(Error::Dirty { volume, branch: plan.volume.branch.clone() });
    }
    if let Some(old) = &plan.replaced {
        let there = VolumeRecord { branch: old.name.clone(), ..plan.volume.clone() };
        if is_dirty(pool, &there)? {
            return Err(Error::DirtyTarget { volume, branch: old.name.clone() });
        }
    }
    Ok(())
}

/// Looks up the volume as it is and the branch as it will be.
fn plan(pool: &Pool, rows: &Rows<'_>, volume: &VolumeName, request: &CheckoutRequest) -> Result<Plan, Error> {
    let record = existing(rows, volume)?;
    let name = match &request.branch {
        Target::Branch(name) => name.clone(),
        Target::Before(n) => branch_before(rows, volume, *n)?
            .ok_or_else(|| Error::NoBranchBefore { volume: volume.clone(), checkouts: *n })?,
    };
    let there = rows.branch(record.owner(), &name)?;
    refuse_checked_out(rows, &record, &name)?;
    let Some(start) = &request.create else {
        let target = there.ok_or_else(|| missing(volume, &name))?;
        return Ok(Plan { volume: record, target, start: None, replaced: None });
    };
    if there.is_some() && !request.replace {
        return Err(Error::BranchExists { volume: volume.clone(), branch: name });
    }
    if let Some(branch) = there.as_ref().filter(|_| !request.force) {
        refuse_branch(rows, branch, &format!("reset branch {name} of volume {volume}"))?;
    }
    check_no_tag(rows, volume, &name)?;
    refuse_other(rows, start, volume)?;
    let start = pool.resolve(rows, &record, start)?;
    let created = there.as_ref().map_or_else(|| pool.now(), |branch| branch.created);
    let protected = there.as_ref().is_some_and(|branch| branch.protected);
    let head = Some(start.commit.id.clone());
    let target = BranchRecord { volume: record.owner().clone(), name, head, created, protected };
    Ok(Plan { volume: record, target, start: Some(start), replaced: there })
}

//! `checkout`: switch a volume to another branch, and make it first where asked.

use serde::Serialize;

use super::branch::{check_no_tag, missing};
use super::held::{drop_commits, unheld};
use super::status::is_dirty;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, Instant, Revision, Row, RowChange, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{Error, Pool, Purpose, branch_before, existing, resolve};
use crate::store::Rows;
use crate::sys::tree::{Bounds, FileTime};

/// Where to go.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// The volume; none means the current one.
    pub volume: Option<VolumeName>,
    /// The branch.
    pub branch: Target,
    /// Whether to make the branch, and from which commit.
    pub create: Option<Revision>,
    /// With `create`, whether a branch that is there already may be made anew.
    pub replace: bool,
    /// Whether uncommitted changes may stay behind in their branch's working tree.
    pub force: bool,
}

/// How a branch is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its name.
    Branch(BranchName),
    /// As the one that was current so many checkouts ago.
    Before(u32),
}

/// A checkout that was done.
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
    /// Whether it was made.
    pub created: bool,
    /// Whether one of that name was there already and was made anew.
    pub replaced: bool,
    /// The commits that nothing holds any more, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
    /// The containers that were restarted.
    pub containers: Vec<String>,
}

/// What a checkout is about to do.
struct Plan {
    volume: VolumeRecord,
    target: BranchRecord,
    /// The branch that is made anew.
    replaced: Option<BranchRecord>,
}

/// Makes `branch` the current one of the volume and restarts the containers on it. Throws nothing
/// away: each branch has a working tree of its own. Only a branch that is made anew loses its own.
///
/// # Errors
/// When the branch is missing (or, to be made, there already), the start names no commit, or the
/// current branch has uncommitted changes and `force` is not set; nothing is changed then.
pub fn checkout(pool: &Pool, request: &CheckoutRequest) -> Result<CheckedOut, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    pool.store().read(|rows| plan(&rows, &volume, request, pool.now()))?;
    let session = pool.begin(Verb::Checkout, &volume)?;
    let plan = pool.store().read(|rows| plan(&rows, &volume, request, pool.now()))?;
    let (record, target) = (&plan.volume, &plan.target);
    let creates = request.create.is_some();
    let mut done = CheckedOut {
        volume: volume.clone(),
        from: record.branch.clone(),
        branch: target.name.clone(),
        head: target.head.clone(),
        created: creates,
        replaced: plan.replaced.is_some(),
        dropped: Vec::new(),
        containers: Vec::new(),
    };
    if target.name == record.branch && !creates {
        return Ok(done);
    }
    if !request.force {
        check_clean(pool, &plan, creates)?;
    }
    let source = target.head.as_ref().map(|head| pool.layout().full(&layout::commit_tree(&volume, head)));
    if let Some(source) = source.as_ref().filter(|_| creates) {
        pool.check_space(source)?;
    }

    let summary = format!("checkout: moving from {} to {}", record.branch, target.name);
    let (mut pending, (staged, dropped)) = session.intend(summary, |rows, draft| {
        draft.move_head(target.head.clone());
        let (mut staged, mut dropped) = (None, Vec::new());
        let working_tree = layout::working_tree(&volume, &target.name);
        if let Some(old) = &plan.replaced {
            dropped = unheld(rows, old, target.head.as_ref())?;
            drop_commits(draft, &dropped)?;
            draft.change(RowChange::update(Row::Branch(old.clone()), Row::Branch(target.clone())));
            staged = Some(draft.replace(working_tree)?);
        } else if creates {
            draft.change(RowChange::insert(Row::Branch(target.clone())));
            staged = Some(draft.bring_in(working_tree)?);
        }
        if target.name != record.branch {
            let after = VolumeRecord { branch: target.name.clone(), ..record.clone() };
            draft.change(RowChange::update(Row::Volume(record.clone()), Row::Volume(after)));
            draft.point(layout::running_point(&volume), &layout::running_point_target(&target.name))?;
        }
        Ok((staged, dropped))
    })?;
    pool.will_hold(&volume, Purpose::Swap)?;
    let begun = Bounds::now();
    if let (Some(source), Some(staged)) = (&source, &staged) {
        pool.copy_tree(source, staged)?;
    }
    let made = FileTime::fine();
    pending.quiesce(Purpose::Swap)?;
    done.dropped = dropped.into_iter().map(|commit| commit.id).collect();
    let mut published = pending.publish()?;
    if let (Some(_), Some(head)) = (&staged, &target.head) {
        published.remember_new(&volume, &target.name, head, begun, made);
    }
    done.containers = published.finish()?.containers;
    Ok(done)
}

fn check_clean(pool: &Pool, plan: &Plan, creates: bool) -> Result<(), Error> {
    let volume = plan.volume.name.clone();
    if !creates && is_dirty(pool, &plan.volume)? {
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

/// The volume as it is and the branch as it will be.
fn plan(
    rows: &Rows<'_>,
    volume: &VolumeName,
    request: &CheckoutRequest,
    now: Instant,
) -> Result<Plan, Error> {
    let record = existing(rows, volume)?;
    let name = match &request.branch {
        Target::Branch(name) => name.clone(),
        Target::Before(n) => branch_before(rows, volume, *n)?
            .ok_or_else(|| Error::NoSuchPast { revision: format!("@{{-{n}}}"), volume: volume.clone() })?,
    };
    let there = rows.branch(volume, &name)?;
    let Some(start) = &request.create else {
        let target = there.ok_or_else(|| missing(volume, &name))?;
        return Ok(Plan { volume: record, target, replaced: None });
    };
    if there.is_some() && !request.replace {
        return Err(Error::BranchExists { volume: volume.clone(), branch: name });
    }
    check_no_tag(rows, volume, &name)?;
    if start.volume.as_ref().is_some_and(|other| other != volume) {
        return Err(Error::OtherVolume { revision: start.to_string(), volume: volume.clone() });
    }
    let head = Some(resolve(rows, &record, start)?.id);
    let created = there.as_ref().map_or(now, |branch| branch.created);
    let target = BranchRecord { volume: volume.clone(), name, head, created };
    Ok(Plan { volume: record, target, replaced: there })
}

//! Makes the data worktrees of a git worktree, and its variables.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{GitWorktree, env_block, ports};
use crate::cli::compose::{self, Compose, Naming};
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops::{self, AddedWorktree, Guard, WorktreeBranch, WorktreeRequest};
use crate::report::ProjectWorktrees;

/// The variable by which compose takes the name of its project from the environment.
const PROJECT: &str = "COMPOSE_PROJECT_NAME";

/// What is asked for.
pub(in crate::cli) struct Wish<'a> {
    /// Chooses the branch for a worktree of this volume.
    pub(in crate::cli) branch: &'a dyn Fn(&VolumeName) -> Result<WorktreeBranch, Failure>,
    /// The file for the variables, relative to the worktree of git.
    pub(in crate::cli) env: Option<&'a Path>,
    /// How many microseconds the worktrees live; `None` for ever.
    pub(in crate::cli) lifetime: Option<i64>,
}

/// A volume of the main checkout's project, and the one that this directory's project looks for.
struct Pair {
    from: VolumeName,
    to: VolumeName,
}

/// Makes the volume that this directory's compose project looks for from each dvol volume of the
/// main checkout's project, and the block of variables. Those that are there stay. Returns `None`
/// if the main checkout has no compose project with a volume of dvol's.
///
/// # Errors
/// When both directories are one project, or a worktree cannot be made. Those made before are
/// removed then.
pub(in crate::cli) fn add(
    session: &Session,
    tree: &GitWorktree,
    wish: &Wish<'_>,
) -> Result<Option<ProjectWorktrees>, Failure> {
    let Some((here, pairs)) = pairs(session, tree, wish.env.is_some())? else { return Ok(None) };
    let place = tree.place(wish.env);
    let mut done = ProjectWorktrees {
        project: here.project.clone(),
        worktrees: Vec::new(),
        env: None,
        variables: BTreeMap::new(),
    };
    let there = tree.data(session)?;
    // The engine learns that the volumes are compose's, so that compose asks nothing.
    let project = here.clone();
    let pool = session.pool.labelling(Arc::new(move |volume| project.own(volume)));
    for Pair { from, to } in &pairs {
        if there.iter().any(|record| record.name == *to) {
            continue;
        }
        let add = || -> Result<AddedWorktree, Failure> {
            pool.refuse_elsewhere(to)?;
            let request = WorktreeRequest {
                name: to.clone(),
                volume: Some(from.clone()),
                branch: (wish.branch)(from)?,
                lifetime: wish.lifetime,
                options: BTreeMap::new(),
                code: Some(place.clone()),
            };
            Ok(ops::add_worktree(&pool, &request)?)
        };
        match add() {
            Ok(added) => done.worktrees.push(added),
            Err(error) => {
                for added in &done.worktrees {
                    ops::remove_worktree(&session.pool, &added.worktree, Guard::Ask, true)?;
                }
                return Err(error);
            }
        }
    }
    if let Some(file) = &place.env {
        done.variables = variables(tree, &here, file)?;
        env_block::put(file, &done.variables)?;
        done.env = Some(file.clone());
    }
    for (service, port) in ports::published(&here.ports).fixed {
        let text = format!("service {service} publishes port {port} in every work tree, and only one can");
        say("note", &text);
        say("hint", &format!("take it from a variable in the compose file: \"${{PORT:-{port}}}:…\""));
    }
    Ok(Some(done))
}

/// Finds the volumes to make, by the names that compose has for them.
fn pairs(
    session: &Session,
    tree: &GitWorktree,
    may_rename: bool,
) -> Result<Option<(Compose, Vec<Pair>)>, Failure> {
    let root = session.pool.layout().root();
    let inside = std::env::current_dir().ok();
    let inside = inside.as_deref().and_then(|here| here.strip_prefix(&tree.directory).ok());
    let below = |directory: &Path| inside.map_or_else(|| directory.to_owned(), |path| directory.join(path));
    let (there, here) = (below(&tree.main), below(&tree.directory));
    let Some(main) = compose::at(&there, root, Naming::Files) else { return Ok(None) };
    let Some(mut own) = compose::at(&here, root, Naming::Here) else { return Ok(None) };
    if own.project == main.project {
        if !may_rename {
            return Err(Failure::Named {
                code: "same_project",
                message: format!(
                    "cannot make worktrees for the compose project {}: the main checkout's has the same name",
                    main.project
                ),
                hints: vec![
                    "give this directory's a name of its own: dvol worktree add --project --env .env"
                        .to_owned(),
                ],
                exit: 1,
            });
        }
        let name = tree.directory.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{}-{name}", main.project);
        let renamed = compose::at(&here, root, Naming::As(&name));
        own = renamed.filter(|own| own.project != main.project).unwrap_or(own);
    }
    let rows = |name: &VolumeName| session.pool.store().read(|rows| rows.volume(name));
    let mut found = Vec::new();
    for key in main.volume_keys() {
        let (Some(from), Some(to)) = (main.full_name(key), own.full_name(key)) else { continue };
        if rows(&from)?.is_none() {
            continue;
        }
        if from == to {
            say("note", &format!("volume {from} has one name in all work trees, as the compose file says"));
            continue;
        }
        found.push(Pair { from, to });
    }
    Ok((!found.is_empty()).then_some((own, found)))
}

/// Chooses the variables of a work tree.
fn variables(tree: &GitWorktree, here: &Compose, file: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let before = env_block::variables(file)?;
    let mut chosen = ports::choose(&ports::published(&here.ports).variables, &before, &tree.directory);
    chosen.insert(PROJECT.to_owned(), here.project.to_string());
    Ok(chosen)
}

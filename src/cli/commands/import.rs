//! `dvol import`

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read};
use std::process::ExitCode;

use crate::cli::git::Git;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, author};
use crate::model::{Verb, VolumeName, entries};
use crate::ops::{self, Imported, VolumeUser};

/// Create a volume from a tar archive or an ordinary Docker volume
///
/// An archive of dvol export brings its commit's message, author and date along. The whole content
/// of any other tar archive becomes the first commit: what `tar --xattrs --acls -xpf` unpacks as
/// root. SELinux labels are left out; the host gives files their labels. --from-docker copies a
/// volume of another driver: it stops that volume's containers for the copy, starts them again, and
/// leaves the old volume until you delete it. The new volume needs a name of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol import frob.tar frob_copy
  zstd -dc frob.tar.zst | dvol import - frob_copy
  dvol import --from-docker pgdata shop_pg
  dvol import --from-docker pgdata shop_pg --replace")]
pub(in crate::cli) struct ImportArgs {
    /// Copy this volume of the container engine
    #[arg(long, value_name = "NAME")]
    from_docker: Option<String>,
    /// With --from-docker, make the volume's containers again on the new volume: all of them, or
    /// none if one cannot be made again with all that it has
    #[arg(long, requires = "from_docker")]
    replace: bool,
    /// Import the volumes of an older tool's pool (per-branch JSON files) that could not be
    /// imported when the pool was first used
    #[arg(long, conflicts_with_all = ["from_docker", "operands"])]
    older_layout: bool,
    /// Archive to read (- is standard input) and name of the new volume; with --from-docker, only
    /// the name
    #[arg(num_args = 0..=2, value_names = ["FILE", "VOLUME"])]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &ImportArgs) -> Outcome {
    let pool = &session.pool;
    if args.older_layout {
        let taken = pool.adopt_rest()?;
        if taken.is_empty() {
            say("note", "no more volumes of the older layout were imported");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let author = author::from_surroundings(&Git::here(pool));
    let imported = if let Some(name) = &args.from_docker {
        let volume: VolumeName = match args.operands.as_slice() {
            [] => name.parse()?,
            [volume] => volume.parse()?,
            _ => {
                return Err(Failure::Usage("--from-docker takes only the name of the new volume".to_owned()));
            }
        };
        catch_interrupts(pool)?;
        ops::import_volume(pool, name, &volume, &author, args.replace)?
    } else {
        let [file, volume] = args.operands.as_slice() else {
            return Err(Failure::Usage(
                "import takes a file (- is standard input) and the name of the new volume".to_owned(),
            ));
        };
        let volume: VolumeName = volume.parse()?;
        let (mut archive, what): (Box<dyn Read>, &str) = if file == "-" {
            if io::stdin().is_terminal() {
                return Err(Failure::Usage(
                    "refusing to read an archive from the terminal: name a file or use a pipe".to_owned(),
                ));
            }
            (Box::new(BufReader::with_capacity(1 << 20, io::stdin().lock())), "standard input")
        } else {
            let opened =
                File::open(file).map_err(|error| Failure::Failed(format!("cannot read {file}: {error}")))?;
            (Box::new(BufReader::with_capacity(1 << 20, opened)), file)
        };
        catch_interrupts(pool)?;
        ops::import(pool, &mut archive, what, &volume, &author)?
    };
    session.note_containers(&imported.disruption);
    for note in notes(&imported) {
        say("note", &note);
    }
    session.done(&imported)?;
    replaced(&imported).iter().for_each(|(kind, text)| say(kind, text));
    if let Some(old) = args.from_docker.as_ref().filter(|_| session.wants_remarks()) {
        next_steps(old, &imported).iter().for_each(|hint| say("hint", hint));
    }
    session.end(Verb::Import, [&imported.volume], &imported.disruption)
}

/// Says how containers come from the engine's volume to dvol's.
fn next_steps(old: &str, imported: &Imported) -> Vec<String> {
    let volume = &imported.volume;
    let (done, left): (Vec<&VolumeUser>, Vec<_>) =
        imported.users.iter().partition(|user| user.kept_as.is_some());
    let mut hints = Vec::new();
    if !done.is_empty() {
        let kept: Vec<&str> = done.iter().filter_map(|user| user.kept_as.as_deref()).collect();
        hints.push(format!(
            "delete the old containers when you no longer need them: docker rm {}",
            kept.join(" ")
        ));
    }
    let names = |of_compose: bool| {
        let users = left.iter().filter(move |user| user.project.is_some() == of_compose);
        users.map(|user| user.container.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (plain, of_compose) = (names(false), names(true));
    if !plain.is_empty() {
        hints.push(format!("recreate {plain}: docker run -v {volume}:PATH --volume-driver=dvol …"));
    } else if imported.users.is_empty() {
        hints.push(format!("use the new volume: docker run -v {volume}:PATH --volume-driver=dvol …"));
    }
    if !of_compose.is_empty() {
        hints.push(format!(
            "recreate {of_compose}: in the compose file, give the volume 'name: {volume}' and 'external: true', \
             then: docker compose up -d"
        ));
    }
    if !left.is_empty() {
        hints.push(format!("until then they write to the engine's volume {old}, which dvol does not commit"));
    }
    hints.push(format!("delete the old volume when you no longer need it: docker volume rm {old}"));
    hints
}

/// Says which containers were made again, and why others were not.
fn replaced(imported: &Imported) -> Vec<(&'static str, String)> {
    let of = |user: &VolumeUser| match (&user.obstacle, &user.kept_as) {
        (Some(reason), _) => {
            Some(("warning", format!("cannot recreate container {}: {reason}", user.container)))
        }
        (None, Some(kept_as)) => {
            let volume = &imported.volume;
            Some((
                "note",
                format!("container {} uses volume {volume}; the old one is {kept_as}", user.container),
            ))
        }
        (None, None) => None,
    };
    imported.users.iter().filter_map(of).collect()
}

/// Returns what an import did not take over, a line each.
fn notes(imported: &Imported) -> Vec<String> {
    let mut notes = Vec::new();
    if imported.left_out > 0 {
        notes.push(format!("left out {} beside the tree of the archive", entries(imported.left_out)));
    }
    if imported.unknown_types > 0 {
        notes.push(format!("took {} of an unknown type for a regular file", entries(imported.unknown_types)));
    }
    if let Some((attribute, entry)) = &imported.first_attribute {
        let count = imported.attributes_left_out;
        let noun = if count == 1 { "attribute" } else { "attributes" };
        let first = if count == 1 { "" } else { "first " };
        notes.push(format!("left out {count} {noun} that Linux cannot store: {first}{attribute} of {entry}"));
    }
    if imported.labels_left_out > 0 {
        notes.push(labels_left_out(imported.labels_left_out));
    }
    if imported.has_more {
        notes.push("ignored what follows the end of the archive, as tar does".to_owned());
    }
    notes
}

/// Returns the note on labels, which export gives as well.
pub(super) fn labels_left_out(count: u64) -> String {
    let noun = if count == 1 { "label" } else { "labels" };
    format!("left out {count} {noun} of the host (SELinux, IMA, Smack)")
}

//! `dvol import`

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read};
use std::process::ExitCode;

use crate::cli::output::{Failure, say};
use crate::cli::session::{Session, catch_interrupts};
use crate::cli::{Outcome, author};
use crate::model::VolumeName;
use crate::ops;

/// Make a volume of an archive, or of an ordinary Docker volume
///
/// An archive of dvol export brings its commit's message, author and date along; of any other tar
/// archive the whole content becomes the first commit. --from-docker takes over a volume of another
/// driver: its containers are stopped for the copy and started again, and the old volume stays until
/// you delete it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol import frob.tar frob_copy
  zstd -dc frob.tar.zst | dvol import - frob_copy
  dvol import --from-docker pgdata shop_pg")]
pub(in crate::cli) struct Args {
    /// Take over this volume of the container engine
    #[arg(long, value_name = "NAME")]
    from_docker: Option<String>,
    /// Take over the volumes of an older tool's pool (per-branch JSON files) that could not be taken over when
    /// the pool was first used
    #[arg(long, conflicts_with_all = ["from_docker", "operands"])]
    older_layout: bool,
    /// The archive (- is standard input), and the name of the new volume; with --from-docker the
    /// name alone (the same name when there is none)
    #[arg(num_args = 0..=2, value_names = ["FILE", "VOLUME"])]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let pool = &session.pool;
    if args.older_layout {
        let taken = pool.adopt_rest()?;
        if taken.is_empty() {
            say("note", "nothing more of the older layout was taken over");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let author = author::from_surroundings();
    let imported = if let Some(name) = &args.from_docker {
        let volume: VolumeName = match args.operands.as_slice() {
            [] => name.parse()?,
            [volume] => volume.parse()?,
            _ => {
                return Err(Failure::Usage("--from-docker takes the name of the new volume only".to_owned()));
            }
        };
        catch_interrupts(pool)?;
        ops::import_volume(pool, name, &volume, &author)?
    } else {
        let [file, volume] = args.operands.as_slice() else {
            return Err(Failure::Usage(
                "import wants a file (- is standard input) and the name of the new volume".to_owned(),
            ));
        };
        let volume: VolumeName = volume.parse()?;
        let (mut archive, what): (Box<dyn Read>, &str) = if file == "-" {
            if io::stdin().is_terminal() {
                return Err(Failure::Usage("there is no archive on standard input".to_owned()));
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
    session.note_containers("stopped and started", &imported.containers);
    if imported.left_out > 0 {
        say("note", &format!("left out of the archive what is no file: {}", imported.left_out));
    }
    session.done(&imported)?;
    Ok(ExitCode::SUCCESS)
}

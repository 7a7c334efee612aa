//! `dvol export`

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::clone;
use super::import::labels_left_out;
use crate::cli::Outcome;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::ops::{self, Exported};
use crate::report::Lines as _;

/// Write a commit to a tar archive, or all metadata as JSON lines
///
/// The archive holds dvol.json (the commit's record and the format's number) and the tree below
/// data/, with owners, times, extended attributes, access lists, hard links and holes. It leaves
/// out sockets, SELinux labels and attributes that chattr sets. dvol import creates a volume from
/// it. tar unpacks it as well, and keeps all of it with --xattrs --xattrs-include='*' --acls
/// --numeric-owner -p.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol export frob_mysql frob.tar
  dvol export frob_mysql:v1 - | zstd > frob.tar.zst
  dvol export frob_mysql:HEAD~1 - | tar -xO data/my.cnf
  dvol export --metadata pool.jsonl")]
pub(in crate::cli) struct ExportArgs {
    /// Write the metadata of the whole pool to FILE, one record a line
    #[arg(long)]
    metadata: bool,
    /// Commit to export [default: HEAD of VOLUME] and file; - is standard output
    #[arg(num_args = 0..=2, value_names = ["VOLUME[:REVISION]", "FILE"], add = crate::cli::complete::sources())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &ExportArgs) -> Outcome {
    let pool = &session.pool;
    if args.metadata {
        let file = match args.operands.as_slice() {
            [] => "-",
            [file] => file,
            _ => return Err(Failure::Usage("--metadata covers the whole pool: name only a file".to_owned())),
        };
        let lines = ops::metadata(pool)?;
        write_to(Path::new(file), |out| lines.json(out).map_err(Failure::Output))?;
        return Ok(ExitCode::SUCCESS);
    }
    let [source, file] = args.operands.as_slice() else {
        return Err(Failure::Usage(
            "export takes VOLUME[:REVISION] and a file (- is standard output)".to_owned(),
        ));
    };
    let (volume, revision) = clone::source(session, source)?;
    let to_stdout = file == "-";
    if to_stdout && io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "refusing to write an archive to the terminal: name a file or use a pipe".to_owned(),
        ));
    }
    catch_interrupts(pool)?;
    let mut exported: Option<Exported> = None;
    write_to(Path::new(file), |out| {
        exported = Some(ops::export(pool, Some(&volume), &revision, out).map_err(Failure::of_content)?);
        Ok(())
    })?;
    let exported = exported.expect("write_to ran the closure");
    if exported.left_out > 0 {
        say("note", &format!("left out {}, which no archive can hold", sockets(exported.left_out)));
    }
    if exported.labels_left_out > 0 {
        say("note", &labels_left_out(exported.labels_left_out));
    }
    if !to_stdout {
        session.done(&exported)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn sockets(count: u64) -> String {
    format!("{count} {}", if count == 1 { "socket" } else { "sockets" })
}

/// Lets `write` fill the file at `path` (- is standard output). The file appears only when it is
/// complete, and only its owner may read it, since a volume may hold secrets.
fn write_to(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        return out.flush().map_err(Failure::Output);
    }
    let failed = |error: io::Error| Failure::Failed(format!("cannot write {}: {error}", path.display()));
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        // A pipe or a device is written to, never replaced.
        let file = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(&mut out)?;
        return out.flush().map_err(failed);
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let file = tempfile::Builder::new().prefix(".dvol-export-").tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    write(&mut out)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

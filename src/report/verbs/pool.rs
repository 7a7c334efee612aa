//! Reports of `pool`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::model::{count, entries, format_size, plain};
use crate::ops::{CheckedImage, ImageFacts, MovedPool, PoolInfo, RemovedImage};
use crate::report::Wrap;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for PoolInfo {
    fn wrap(&self) -> Wrap {
        Wrap::Prose
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(2);
        writeln!(table, "pool\t{}", plain(&self.pool.display().to_string()))?;
        if let Some(image) = &self.image {
            write_image(&mut table, image)?;
        }
        let kind = self.file_system.unwrap_or("unknown");
        let shares = if self.shares_blocks { "shares blocks" } else { "shares no blocks" };
        if self.image.as_ref().is_none_or(|image| image.is_mounted) {
            writeln!(table, "file system\t{kind}, {shares}")?;
            let (free, size) = (format_size(self.free_bytes), format_size(self.size_bytes));
            writeln!(table, "space\t{free} of {size} free")?;
        }
        for kept in &self.kept {
            let (path, size) = (plain(&kept.path.display().to_string()), format_size(kept.bytes));
            writeln!(table, "kept\t{path}, {size}")?;
        }
        table.flush()
    }
}

fn write_image(table: &mut dyn Write, image: &ImageFacts) -> io::Result<()> {
    let kind = image.kind.map_or_else(|| "no file system".to_owned(), |kind| kind.to_string());
    let path = image.path.display().to_string();
    writeln!(table, "image\t{}, {kind} of {}", plain(&path), format_size(image.size_bytes))?;
    let mounted = match &image.device {
        None if image.is_mounted => "yes".to_owned(),
        None => "no".to_owned(),
        Some(device) => {
            let direct = if image.direct_io { "direct I/O" } else { "no direct I/O" };
            let discard = if image.discard { "discard" } else { "no discard" };
            format!("from {}, {direct}, {discard}", device.display())
        }
    };
    writeln!(table, "mounted\t{mounted}")?;
    let host = image.host_file_system.unwrap_or("unknown");
    let (takes, free) = (format_size(image.allocated_bytes), format_size(image.host_free_bytes));
    writeln!(table, "on the host\ttakes {takes}, {free} free ({host})")
}

impl Text for CheckedImage {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let how = if self.is_online { "mounted" } else { "unmounted" };
        if self.is_clean {
            return writeln!(
                out,
                "{} in {} is clean ({}, {how})",
                self.kind,
                self.image.display(),
                self.program
            );
        }
        writeln!(out, "{} in {} has errors ({}, {how}):", self.kind, self.image.display(), self.program)?;
        self.output.lines().try_for_each(|line| writeln!(out, "  {}", plain(line)))
    }
}

impl Text for MovedPool {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let to = match &self.now.image {
            Some(image) => format!("into {}", image.path.display()),
            None => format!("to the directory {}", self.now.pool.display()),
        };
        let volumes = count(self.volumes, "volume");
        let entries = entries(self.entries);
        writeln!(out, "Moved {volumes} {to}: {entries}, {}, each compared", format_size(self.bytes))?;
        writeln!(out, "Kept the old pool in {}", self.kept.display())
    }
}

impl Text for RemovedImage {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let line = |one: &crate::ops::KeptPool| {
            format!("Deleted {}, {}", one.path.display(), format_size(one.bytes))
        };
        self.removed.iter().try_for_each(|one| writeln!(out, "{}", line(one)))
    }
}

json_line!(PoolInfo, CheckedImage, MovedPool, RemovedImage);

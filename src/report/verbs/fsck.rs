//! Report of `fsck`.

use std::io::{self, Write};

use crate::fsck::Report;
use crate::model::count;
use crate::report::json::lines;
use crate::report::text::Text;
use crate::report::{Lines, Wrap};

impl Text for Report {
    fn wrap(&self) -> Wrap {
        Wrap::Prose
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            writeln!(out, "{}: {}: {}", finding.severity, finding.subject, finding.what)?;
            writeln!(out, "    {}", finding.remedy)?;
        }
        if self.findings.is_empty() {
            writeln!(out, "{}: clean", count(self.volumes, "volume"))?;
        }
        if let Some(deep) = self.deep {
            let (verified, taken) = (count(deep.verified, "commit"), deep.taken);
            writeln!(out, "{verified} as their checksums say; checksums of {taken} more taken")?;
        }
        Ok(())
    }
}

impl Lines for Report {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.findings)
    }
}

//! Who owns the live memory, as a profile.

use std::io::{self, Write};

use crate::report::live::{APART, Live, Owner, OwnerKind};
use crate::report::pprof::builder::{Amount, Builder};

impl Live {
    /// Writes who owns the live memory as a gzipped profile for `go tool pprof`, Grafana Pyroscope
    /// or speedscope. Each sample has the tags `function` and `label`: the call that allocated it,
    /// and the label that it had passed last.
    ///
    /// A part of the samples has stacks; the rest of what an owner has is below the functions of its
    /// calling context. The sum over all samples is that of the owners.
    ///
    /// This reads the program's debug information, which can take a second and tens of MiB the
    /// first time.
    ///
    /// # Errors
    ///
    /// Returns the error of `writer`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let file = std::fs::File::create("live.pb.gz")?;
    /// memprobe::live()?.write_pprof(file)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_pprof(&self, writer: impl Write) -> io::Result<()> {
        let mut builder = Builder::new(self.interval);
        let mut make = || {
            for owner in self.present() {
                builder.add_owner(owner);
            }
        };
        match APART.get() {
            Some(apart) => apart(&mut make),
            None => make(),
        }
        builder.write(writer)
    }
}

impl Builder {
    fn add_owner(&mut self, owner: &Owner) {
        let function = match owner.kind {
            OwnerKind::Call => owner.path.last().copied().unwrap_or_default(),
            OwnerKind::NotAnnotated => "(not annotated)",
            OwnerKind::Memprobe => "(memprobe)",
        };
        let mut tags = vec![("function", function)];
        tags.extend(owner.after.map(|after| ("label", after)));
        let mut rest = Amount { objects: owner.live.samples, bytes: owner.live.bytes };
        for stack in &owner.stacks {
            let amount = Amount { objects: stack.live.samples, bytes: stack.live.bytes };
            let locations = self.locations(&stack.addresses);
            self.add(locations, amount, &tags);
            rest.objects = rest.objects.saturating_sub(amount.objects);
            rest.bytes = rest.bytes.saturating_sub(amount.bytes);
        }
        if rest.bytes > 0 {
            let path = if owner.path.is_empty() { &[function][..] } else { &owner.path };
            let locations = path.iter().rev().map(|name| self.named(name)).collect();
            self.add(locations, rest, &tags);
        }
    }
}

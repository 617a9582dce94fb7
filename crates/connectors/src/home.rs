//! Where a target's relative path lands, and where no target may lie.

use std::borrow::Cow;
use windvane_connect::Context;
use windvane_connect::disk::real_path;
use windvane_connect::objects::is_address;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::spec::target::Target;

/// The context as a target sees it: relative paths count from the home.
pub(super) fn of_target<'a>(target: &Target, context: &'a Context) -> Result<Cow<'a, Context>> {
    let Some(path) = target.path().filter(|path| !is_address(path)) else { return Ok(Cow::Borrowed(context)) };
    let mut seen = Cow::Borrowed(context);
    if let Some(home) = &context.home {
        seen.to_mut().local = context.local.from_folder(home);
    }
    let place = real_path(&seen.local.unchecked(path)?)?;
    for folder in &context.read_only {
        if real_path(folder).is_ok_and(|folder| place.starts_with(folder)) {
            return Err(Error::new(
                Kind::Spec,
                "the target lies in a DAG bundle, which holds code and is replaced as a whole",
            )
            .in_file(place.display().to_string())
            .hint(
                "Write a relative path: it lands where [windvane] home says; or an absolute one outside of the bundle",
            ));
        }
    }
    Ok(seen)
}

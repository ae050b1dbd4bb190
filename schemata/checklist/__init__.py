"""The checklist of a change: what people check by hand before they merge a migration, as `inv check`.

`check.check` asks the lines that `lines` lists."""

"""One file a DVC stage. Each has `SECTIONS`, the sections of params.yaml that it reads, and
`run(paths, **sections)`. A stage never imports a stage: stages meet through files."""

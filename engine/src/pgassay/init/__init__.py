"""`pgassay init`: the files with which a project's access can be watched."""

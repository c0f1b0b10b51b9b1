// Filled by the module that lives here.

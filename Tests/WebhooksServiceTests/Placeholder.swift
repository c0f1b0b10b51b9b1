// Filled by the tests that live here.

// As test/integration/once-only-http.int.test.ts, killed at every point and not at every few.

process.env['OPSTREAM_TEST_KILLS'] = 'all';
await import('../integration/once-only-http.int.test.ts');

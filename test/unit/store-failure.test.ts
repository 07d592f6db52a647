import { expect, test } from 'vitest'
import { storeFailure } from '../../src/storage/store-failure.ts'

const errorOf = (code: string | undefined, message = 'no') => Object.assign(new Error(message), code && { code })

test.each([
  ['EPIPE', 'JW_STORE_UNAVAILABLE'],
  ['ECONNREFUSED', 'JW_STORE_UNAVAILABLE'],
  [undefined, 'JW_STORE_UNAVAILABLE'],
  ['08006', 'JW_STORE_UNAVAILABLE'],
  ['25006', 'JW_STORE_UNAVAILABLE'],
  ['53300', 'JW_STORE_UNAVAILABLE'],
  ['57P01', 'JW_STORE_UNAVAILABLE'],
  ['28P01', 'JW_STORE_REFUSED'],
  ['3D000', 'JW_STORE_REFUSED'],
  ['42501', 'JW_STORE_REJECTED'],
  ['CERT_HAS_EXPIRED', 'JW_STORE_REFUSED'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'JW_STORE_REFUSED'],
  ['23514', 'JW_STORE_REJECTED'],
  ['42P01', 'JW_STORE_REJECTED'],
  ['22023', 'JW_STORE_REJECTED'],
])('an error with the code %s is %s', (state, code) => {
  expect(storeFailure(errorOf(state), 'it').code).toBe(code)
})

test('a role that may not be taken keeps the process out; a table that is not granted is a matter of its commands', () => {
  expect(storeFailure(errorOf('42501', 'permission denied to set role "x"'), 'it').code).toBe('JW_STORE_REFUSED')
  expect(storeFailure(errorOf('42501', 'permission denied for table invoices'), 'it').code).toBe('JW_STORE_REJECTED')
})

test('a role that is not there keeps the process out; a value that a statement has wrong is its own fault', () => {
  expect(storeFailure(errorOf('22023', 'role "x" does not exist'), 'it').code).toBe('JW_STORE_REFUSED')
  expect(storeFailure(errorOf('22023', 'a negative "limit"'), 'it').code).toBe('JW_STORE_REJECTED')
})

test('an error without words is told by its code, once', () => {
  expect(storeFailure(errorOf('ECONNREFUSED', ''), 'open').message).toBe('JW_STORE_UNAVAILABLE: open: ECONNREFUSED')
})

# What is changed in quickjs.c and quickjs.h (scripts/engine.sh). Each change is to a function whose text is known, as
# the version is pinned; the script checks that all of them were made.

# --- memory comes straight from our heap, which never answers NULL, and is not counted block by block

/^void \*js_malloc_rt(JSRuntime \*rt, size_t size)$/,/^}/ c\
void *js_malloc_rt(JSRuntime *rt, size_t size) /* changed */\
{\
    return heap_new(size);\
}
/^void js_free_rt(JSRuntime \*rt, void \*ptr)$/,/^}/ c\
void js_free_rt(JSRuntime *rt, void *ptr) /* changed */\
{\
    if (ptr) heap_delete(ptr);\
}
/^void \*js_realloc_rt(JSRuntime \*rt, void \*ptr, size_t size)$/,/^}/ c\
void *js_realloc_rt(JSRuntime *rt, void *ptr, size_t size) /* changed */\
{\
    if (!ptr) return size ? heap_new(size) : NULL;\
    if (size) return heap_resize(ptr, size);\
    heap_delete(ptr);\
    return NULL;\
}
/^size_t js_malloc_usable_size_rt(JSRuntime \*rt, const void \*ptr)$/,/^}/ c\
size_t js_malloc_usable_size_rt(JSRuntime *rt, const void *ptr) /* changed */\
{\
    return heap_size(ptr);\
}

# The collector goes by how much of the heap was ever used.
/^static void js_trigger_gc(JSRuntime \*rt, size_t size)$/,/^}/ {
  s/^    force_gc = ((rt->malloc_state.malloc_size + size) >$/    force_gc = ((heap_used() + size) > \/* changed *\//
  s/^        rt->malloc_gc_threshold = rt->malloc_state.malloc_size +$/        rt->malloc_gc_threshold = heap_threshold();/
  /^            (rt->malloc_state.malloc_size >> 1);$/d
}

# --- what lies in the image is kept (heap.h): nobody counts its references, so that nobody writes to its page

s/^#define JS_FLOAT64_NAN NAN$/extern uintptr_t heap_kept_end; \/* changed *\/\
#define KEPT(at) ((uintptr_t)(at) < heap_kept_end)\
\
&/
/^static inline void JS_FreeValue\(RT\)\{0,1\}(JS/,/^}/ s/if (--p->ref_count <= 0) {/if (!KEPT(p) \&\& --p->ref_count <= 0) { \/* changed *\//
/^static inline JSValue JS_DupValue\(RT\)\{0,1\}(JS/,/^}/ s/^        p->ref_count++;/        if (!KEPT(p)) p->ref_count++; \/* changed *\//

# Atoms and strings.
/^static inline void js_free_string(JSRuntime \*rt, JSString \*str)$/,/^}/ s/if (--str->header.ref_count <= 0) {/if (!KEPT(str) \&\& --str->header.ref_count <= 0) { \/* changed *\//
/^static JSAtom JS_DupAtomRT(JSRuntime \*rt, JSAtom v)$/,/^}/ s/^        p->header.ref_count++;/        if (!KEPT(p)) p->header.ref_count++; \/* changed *\//
/^JSAtom JS_DupAtom(JSContext \*ctx, JSAtom v)$/,/^}/ s/^        p->header.ref_count++;/        if (!KEPT(p)) p->header.ref_count++; \/* changed *\//
/^static JSAtom __JS_NewAtom(JSRuntime \*rt, JSString \*str, int atom_type)$/,/^}/ {
  s/^            if (__JS_AtomIsConst(i))$/            if (__JS_AtomIsConst(i) \&\& !KEPT(str)) \/* changed *\//
  s/^                if (!__JS_AtomIsConst(i))$/                if (!__JS_AtomIsConst(i) \&\& !KEPT(p)) \/* changed *\//
}
/^static JSAtom __JS_FindAtom(/,/^}/ s/^            if (!__JS_AtomIsConst(i))$/            if (!__JS_AtomIsConst(i) \&\& !KEPT(p)) \/* changed *\//
/^static void __JS_FreeAtom(JSRuntime \*rt, uint32_t i)$/,/^}/ s/if (--p->header.ref_count > 0)$/if (KEPT(p) || --p->header.ref_count > 0) \/* changed *\//
/^static BOOL JS_ConcatStringInPlace(/,/^}/ s/if (p1->header.ref_count != 1)$/if (KEPT(p1) || p1->header.ref_count != 1) \/* changed *\//
/^static JSValue js_linearize_string_rope(/,/^}/ s/if (r->header.ref_count > 1) {/if (KEPT(r) || r->header.ref_count > 1) { \/* changed *\//

# Shapes: one that is kept counts as shared, and is copied before it is changed.
/^static JSShape \*js_dup_shape(JSShape \*sh)$/,/^}/ s/^    sh->header.ref_count++;/    if (!KEPT(sh)) sh->header.ref_count++; \/* changed *\//
/^static void js_free_shape(JSRuntime \*rt, JSShape \*sh)$/,/^}/ s/if (unlikely(--sh->header.ref_count <= 0)) {/if (!KEPT(sh) \&\& unlikely(--sh->header.ref_count <= 0)) { \/* changed *\//
/^static JSProperty \*add_property(/,/^}/ s/} else if (sh->header.ref_count != 1) {/} else if (KEPT(sh) || sh->header.ref_count != 1) { \/* changed *\//
/^static int js_shape_prepare_update(/,/^}/ s/if (sh->header.ref_count != 1) {/if (KEPT(sh) || sh->header.ref_count != 1) { \/* changed *\//

# Variables of closures, and functions that wait.
/^static void free_var_ref(JSRuntime \*rt, JSVarRef \*var_ref)$/,/^}/ s/^    if (var_ref) {$/    if (var_ref \&\& !KEPT(var_ref)) { \/* changed *\//
/^static JSValue js_closure2(/,/^}/ s/^                var_ref->header.ref_count++;/                if (!KEPT(var_ref)) var_ref->header.ref_count++; \/* changed *\//
/^static void async_func_free(JSRuntime \*rt, JSAsyncFunctionState \*s)$/,/^}/ s/if (--s->header.ref_count == 0) {/if (!KEPT(s) \&\& --s->header.ref_count == 0) { \/* changed *\//

# The collector takes all that is kept for reachable.
/^static void gc_decref_child(/,/^}/ s/^    assert(p->ref_count > 0);$/    if (KEPT(p)) return; \/* changed *\/\
&/
/^static void gc_scan_incref_child(/,/^}/ s/^    p->ref_count++;$/    if (KEPT(p)) return; \/* changed *\/\
&/
/^static void gc_scan_incref_child2(/,/^}/ s/^    p->ref_count++;$/    if (!KEPT(p)) p->ref_count++; \/* changed *\//

# toString of a BigInt by 2, 4, 8, 16 or 32 writes a 0 too many where the highest limb holds the sign alone: how
# many zeros it begins with is not defined for 0 (cutils.h, clz64).
/^static JSValue js_bigint_to_string1(JSContext \*ctx, JSValueConst val, int radix)$/,/^}/ {
  s/^        n_bits = r->len \* JS_LIMB_BITS - js_limb_clz(r->tab\[r->len - 1\]);$/        n_bits = r->len * JS_LIMB_BITS - \/* changed *\/\
            (r->tab[r->len - 1] ? js_limb_clz(r->tab[r->len - 1]) : JS_LIMB_BITS);/
}

# What only the build calls, the parser and the writer of bytecode, need not be quick.
s/^\/\* JS parser \*\/$/#pragma GCC push_options \/* changed *\/\
#pragma GCC optimize("Os")\
&/
s/^\/\* object list \*\/$/#pragma GCC pop_options \/* changed *\/\
&/

# What is changed in quickjs.c (scripts/engine.sh). Each change is to functions whose text is known, as the
# version is pinned; the script checks that all of them were made.

# JSON.parse goes as deep as the text does without a look at the stack's end, which later versions have.
/^static JSValue json_parse_value(JSParseState \*s)$/,/^}/ {
  s/^    switch(s->token.val) {$/    if (js_check_stack_overflow(ctx->rt, 0)) \/* changed *\/\
        return JS_ThrowStackOverflow(ctx);\
&/
}

# Memory comes straight from our heap, which never answers NULL, and is not counted block by block.
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
  s/^        rt->malloc_gc_threshold = rt->malloc_state.malloc_size +$/        rt->malloc_gc_threshold = heap_used() +/
  s/^            (rt->malloc_state.malloc_size >> 1);$/            (heap_used() >> 1);/
}

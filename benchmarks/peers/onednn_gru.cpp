// oneDNN's GRU behind three C functions: make, run, free.  Single precision only.
//
// oneDNN calls this form "linear before reset".  Weights come and go as [C,3,H] and [H,3,H]
// with the gates in the order z, r, n; the bias is [4,H]: z and r (both biases summed), then
// the input and the recurrent bias of n.  The library chooses its own layout of the weights;
// for inference they are put into it once, for training in every run, as they change there.
#include <cstring>
#include <memory>
#include <tuple>
#include <unordered_map>

#include "dnnl.hpp"

using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;
using Layout = memory::format_tag;

namespace {

struct Gru {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    bool training = false;
    dnnl::primitive forward, backward;
    Arguments forward_arguments, backward_arguments;
    // Weights as given, and in the layouts that forward and backward ask for.
    memory W, R, W_forward, R_forward, W_backward, R_backward;
    memory dW, dR, dW_inside, dR_inside, db;

    void copy(memory &from, memory &to) { dnnl::reorder(from, to).execute(stream, from, to); }

    void pack_forward() {
        copy(W, W_forward);
        copy(R, R_forward);
    }

    void run() {
        if (training) pack_forward();
        forward.execute(stream, forward_arguments);
        if (training) {
            copy(W, W_backward);
            copy(R, R_backward);
            // oneDNN adds to the gradients of the weights.
            for (memory *gradient : {&dW_inside, &dR_inside, &db})
                std::memset(gradient->get_data_handle(), 0, gradient->get_desc().get_size());
            backward.execute(stream, backward_arguments);
            copy(dW_inside, dW);
            copy(dR_inside, dR);
        }
        stream.wait();
    }
};

memory::desc single(memory::dims sizes, Layout layout) {
    return {sizes, memory::data_type::f32, layout};
}

std::unique_ptr<Gru> build(long T, long B, long C, long H, float *const *arrays, bool training) {
    const auto [x, W, R, b, y, dy, dx, dW, dR, db] = std::tuple{
        arrays[0], arrays[1], arrays[2], arrays[3], arrays[4],
        arrays[5], arrays[6], arrays[7], arrays[8], arrays[9]};
    auto gru = std::make_unique<Gru>();
    auto &engine = gru->engine;
    gru->training = training;

    const auto direction = dnnl::rnn_direction::unidirectional_left2right;
    const auto x_of = single({T, B, C}, Layout::tnc), y_of = single({T, B, H}, Layout::tnc);
    const auto b_of = single({1, 1, 4, H}, Layout::ldgo);
    const auto W_given = single({1, 1, C, 3, H}, Layout::ldigo);
    const auto R_given = single({1, 1, H, 3, H}, Layout::ldigo);
    const auto W_any = single({1, 1, C, 3, H}, Layout::any);
    const auto R_any = single({1, 1, H, 3, H}, Layout::any);
    const memory::desc none;  // no initial state given, no last state asked for

    const auto kind =
        training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    const dnnl::lbr_gru_forward::primitive_desc forward(
        engine, kind, direction, x_of, none, W_any, R_any, b_of, y_of, none);
    gru->forward = dnnl::lbr_gru_forward(forward);
    gru->W = memory(W_given, engine, W);
    gru->R = memory(R_given, engine, R);
    gru->W_forward = memory(forward.weights_layer_desc(), engine);
    gru->R_forward = memory(forward.weights_iter_desc(), engine);
    const memory X(x_of, engine, x), Y(y_of, engine, y), bias(b_of, engine, b);
    gru->forward_arguments = {
        {DNNL_ARG_SRC_LAYER, X},           {DNNL_ARG_WEIGHTS_LAYER, gru->W_forward},
        {DNNL_ARG_BIAS, bias},             {DNNL_ARG_WEIGHTS_ITER, gru->R_forward},
        {DNNL_ARG_DST_LAYER, Y},
    };
    gru->pack_forward();
    gru->stream.wait();
    if (!training) return gru;

    const memory kept(forward.workspace_desc(), engine);
    gru->forward_arguments[DNNL_ARG_WORKSPACE] = kept;
    const dnnl::lbr_gru_backward::primitive_desc backward(
        engine, dnnl::prop_kind::backward, direction, x_of, none, W_any, R_any, b_of, y_of, none,
        x_of, none, W_any, R_any, b_of, y_of, none, forward);
    gru->backward = dnnl::lbr_gru_backward(backward);
    gru->W_backward = memory(backward.weights_layer_desc(), engine);
    gru->R_backward = memory(backward.weights_iter_desc(), engine);
    gru->dW_inside = memory(backward.diff_weights_layer_desc(), engine);
    gru->dR_inside = memory(backward.diff_weights_iter_desc(), engine);
    gru->dW = memory(W_given, engine, dW);
    gru->dR = memory(R_given, engine, dR);
    gru->db = memory(b_of, engine, db);
    gru->backward_arguments = {
        {DNNL_ARG_SRC_LAYER, X},
        {DNNL_ARG_WEIGHTS_LAYER, gru->W_backward},
        {DNNL_ARG_WEIGHTS_ITER, gru->R_backward},
        {DNNL_ARG_BIAS, bias},
        {DNNL_ARG_DST_LAYER, Y},
        {DNNL_ARG_WORKSPACE, kept},
        {DNNL_ARG_DIFF_DST_LAYER, memory(y_of, engine, dy)},
        {DNNL_ARG_DIFF_SRC_LAYER, memory(x_of, engine, dx)},
        {DNNL_ARG_DIFF_WEIGHTS_LAYER, gru->dW_inside},
        {DNNL_ARG_DIFF_WEIGHTS_ITER, gru->dR_inside},
        {DNNL_ARG_DIFF_BIAS, gru->db},
    };
    return gru;
}

}  // namespace

// Nothing may be thrown into ctypes: a null pointer or a 0 says that oneDNN refused.
extern "C" void *gru_make(
    long T, long B, long C, long H, float *const *arrays, int training) {
    try {
        return build(T, B, C, H, arrays, training != 0).release();
    } catch (const dnnl::error &) {
        return nullptr;
    }
}

extern "C" int gru_run(void *gru) {
    try {
        static_cast<Gru *>(gru)->run();
        return 1;
    } catch (const dnnl::error &) {
        return 0;
    }
}

extern "C" void gru_free(void *gru) { delete static_cast<Gru *>(gru); }

// Answers requests from files with an exported SavedModel, which it loads as TensorFlow Serving does.
//
//   load_export EXPORT_DIR REQUEST_DIR
//
// Reads   REQUEST_DIR/SIGNATURE/CASE/inputs/NAME.pb, one serialized tensorflow.TensorProto per input,
// writes  REQUEST_DIR/SIGNATURE/CASE/outputs/NAME.pb in the same format,
// or      REQUEST_DIR/SIGNATURE/CASE/outputs/error.txt, the status' code and message, where the network
//         refused the inputs (INVALID_ARGUMENT). Any other failure ends the program with exit code 1.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/framework/tensor.pb.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/public/session.h"

namespace fs = std::filesystem;
namespace tf = tensorflow;

namespace {

[[noreturn]] void Fail(const std::string& message) {
  std::cerr << message << std::endl;
  std::exit(1);
}

void FailUnlessOk(const absl::Status& status, const std::string& action) {
  if (!status.ok()) Fail(action + ": " + status.ToString());
}

// Sorted, so that cases run in the order of their names.
std::vector<fs::path> Entries(const fs::path& directory) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(directory)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

using Inputs = std::vector<std::pair<std::string, tf::Tensor>>;

// The tensors to feed: those in files, then the signature's defaults for the inputs without a file.
Inputs ReadInputs(const tf::SignatureDef& signature, const fs::path& directory) {
  for (const fs::path& file : Entries(directory)) {
    if (file.extension() != ".pb" || !signature.inputs().contains(file.stem().string()))
      Fail("Expected a file INPUT.pb for an input of the signature. Received: " + file.string());
  }
  Inputs inputs;
  for (const auto& [name, info] : signature.inputs()) {
    const fs::path file = directory / (name + ".pb");
    tf::TensorProto proto;
    if (fs::exists(file)) {
      FailUnlessOk(tf::ReadBinaryProto(tf::Env::Default(), file.string(), &proto), "Reading a request");
    } else if (auto value = signature.defaults().find(name); value != signature.defaults().end()) {
      proto = value->second;
    } else {
      Fail("Expected " + file.string() + ", as the input has no default. Received: no such file.");
    }
    tf::Tensor tensor;
    if (!tensor.FromProto(proto))
      Fail("Expected a valid tensor for " + name + ". Received: one of broken shape or type.");
    inputs.emplace_back(info.name(), std::move(tensor));
  }
  return inputs;
}

void Answer(tf::Session* session, const tf::SignatureDef& signature, const fs::path& directory) {
  const Inputs inputs = ReadInputs(signature, directory / "inputs");
  std::vector<std::string> names, tensor_names;
  for (const auto& [name, info] : signature.outputs()) {
    names.push_back(name);
    tensor_names.push_back(info.name());
  }
  std::vector<tf::Tensor> outputs;
  const absl::Status status = session->Run(inputs, tensor_names, {}, &outputs);

  const fs::path target = directory / "outputs";
  fs::create_directories(target);
  std::cout << directory.string() << ": " << absl::StatusCodeToString(status.code()) << std::endl;
  if (absl::IsInvalidArgument(status)) {
    std::ofstream file(target / "error.txt");
    file << absl::StatusCodeToString(status.code()) << "\n" << status.message() << "\n";
    if (!file.flush()) Fail("Writing " + (target / "error.txt").string() + " failed.");
    return;
  }
  FailUnlessOk(status, "Running " + directory.string());
  for (size_t i = 0; i < names.size(); ++i) {
    tf::TensorProto proto;
    outputs[i].AsProtoField(&proto);  // Python reads strings only in this form
    const std::string file = (target / (names[i] + ".pb")).string();
    FailUnlessOk(tf::WriteBinaryProto(tf::Env::Default(), file, proto), "Writing an answer");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) Fail("Expected two arguments: EXPORT_DIR REQUEST_DIR.");
  tf::SavedModelBundle bundle;
  FailUnlessOk(tf::LoadSavedModel(tf::SessionOptions(), tf::RunOptions(), argv[1], {"serve"}, &bundle),
               "Loading the SavedModel");
  for (const fs::path& requests : Entries(argv[2])) {
    const std::string name = requests.filename().string();
    const auto signature = bundle.GetSignatures().find(name);
    if (signature == bundle.GetSignatures().end())
      Fail("Expected a signature of the SavedModel. Received: " + name);
    for (const fs::path& directory : Entries(requests))
      Answer(bundle.GetSession(), signature->second, directory);
  }
}
